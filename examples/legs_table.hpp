// The table of PostgreSQL that examples 05 and 06 write legs into, many rows a statement.
#pragma once

#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

#include <pqxx/pqxx>

#include <cstdlib>
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

  // One statement: all rows or none. An upsert, because a leg may come again after a crash.
  void upsert(keyloom::batch<leg>& legs) {
    std::string rows;
    for (auto& item : legs) {
      auto& row = item.value;
      rows += rows.empty() ? "(" : ", (";
      rows += quote(row.date) + ", " + quote(row.carrier) + ", " + std::to_string(row.flight) + ", "
              + quote(row.origin) + ", " + quote(row.dest) + ", " + quote(row.tailnum) + ", "
              + std::to_string(row.distance_mi) + ")";
    }
    run("INSERT INTO legs VALUES " + rows
        + " ON CONFLICT (date, carrier, flight, origin) DO UPDATE SET dest = excluded.dest, "
          "tailnum = excluded.tailnum, distance_mi = excluded.distance_mi");
  }

private:
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
    } catch (...) {
      connection_.reset();
      throw;
    }
  }

  std::optional<pqxx::connection> connection_;
};
