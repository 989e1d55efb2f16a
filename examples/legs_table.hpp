// The table of PostgreSQL that examples 05 and 06 write legs into, many rows a statement.
#pragma once

#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

#include <pqxx/pqxx>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

struct leg {
  std::string date;
  std::string carrier;
  int flight = 0;
  std::string origin;
  std::string dest;
  std::string tailnum; // empty: nobody noted which aircraft flew it
  int distance_mi = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, date, carrier, flight, origin, dest, tailnum,
                                                distance_mi)

// For one thread. Connects when it has to, and anew after the connection broke.
class legs_table {
public:
  static constexpr const char* definition = R"(
    CREATE TABLE IF NOT EXISTS legs (
      date date, carrier text, flight int, origin text, dest text, tailnum text, distance_mi int,
      PRIMARY KEY (date, carrier, flight, origin)))";

  void create() { run(definition); }

  // One statement: all rows or none. An upsert, because a leg may come again after a crash. When
  // there is a leg that the table does not take, each has a statement, so that it fails alone.
  void upsert(keyloom::batch<leg>& legs) {
    std::map<std::string, std::string> rows; // a statement must not have a leg twice: the last one
    for (auto& item : legs)
      rows.insert_or_assign(identity_in_sql(item.value), columns_in_sql(item.value));
    try {
      insert(rows);
    } catch (const pqxx::sql_error&) {
      for (auto& item : legs)
        insert_alone(item);
    }
  }

private:
  std::string identity_in_sql(const leg& x) {
    return quote(x.date) + ", " + quote(x.carrier) + ", " + std::to_string(x.flight) + ", "
           + quote(x.origin);
  }

  std::string columns_in_sql(const leg& x) {
    return quote(x.dest) + ", " + quote(x.tailnum) + ", " + std::to_string(x.distance_mi);
  }

  void insert(const std::map<std::string, std::string>& rows) {
    std::string values;
    for (auto& [identity, columns] : rows)
      values.append(values.empty() ? "(" : ", (").append(identity + ", " + columns + ")");
    run("INSERT INTO legs VALUES " + values
        + " ON CONFLICT (date, carrier, flight, origin) DO UPDATE SET dest = excluded.dest, "
          "tailnum = excluded.tailnum, distance_mi = excluded.distance_mi");
  }

  void insert_alone(keyloom::batch_item<leg>& item) {
    try {
      insert({{identity_in_sql(item.value), columns_in_sql(item.value)}});
    } catch (const pqxx::sql_error& reason) {
      item.error = caf::make_error(keyloom::errc::processor_failed, reason.what());
    }
  }

  pqxx::connection& open() {
    if (!connection_) {
      const char* where = std::getenv("LEGS_DATABASE");
      connection_.emplace(where != nullptr ? where : "");
    }
    return *connection_;
  }

  std::string quote(const std::string& text) { return open().quote(text); }

  void run(const std::string& statement) {
    try {
      pqxx::nontransaction{open()}.exec(statement);
    } catch (const pqxx::broken_connection&) {
      connection_.reset();
      throw;
    }
  }

  std::optional<pqxx::connection> connection_;
};
