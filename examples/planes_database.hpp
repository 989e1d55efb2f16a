// The database of example 03: the table `planes`, which was there before and is only read, and the
// table `ledgers`, which is written back. PostgreSQL where LEGS_DATABASE says, otherwise SQLite: a
// temporary file, made of the file of aircraft. Any thread; what a call throws fails its job.
#pragma once

#include <pqxx/pqxx>
#include <sqlite3.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

// A row.
struct plane_ledger {
  std::string model; // empty: not among the planes
  int64_t seats = 0;
  int64_t legs = 0;
  int64_t miles = 0;
};

struct ledger_totals {
  int64_t ledgers = 0;
  int64_t legs = 0;
  int64_t miles = 0;
};

class planes_database {
public:
  virtual ~planes_database() = default;

  /// An aircraft's ledger before its first leg.
  virtual plane_ledger find_plane(const std::string& tail) = 0;

  /// Sets the whole row. Nothing happens when the table has a later one: a process that stood still
  /// for a minute, and was replaced, may wake up and write what it had in hand.
  virtual void write_ledger(const std::string& tail, const plane_ledger& row) = 0;

  /// What the table `ledgers` has.
  virtual ledger_totals add_up() = 0;

protected:
  static constexpr const char* definition
    = "CREATE TABLE IF NOT EXISTS ledgers (tailnum text PRIMARY "
      "KEY, model text, seats int, legs int, miles int)";
  static constexpr const char* select = "SELECT model, seats FROM planes WHERE tailnum = $1";
  static constexpr const char* upsert
    = "INSERT INTO ledgers VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tailnum) DO UPDATE SET "
      "model = excluded.model, seats = excluded.seats, legs = excluded.legs, "
      "miles = excluded.miles WHERE ledgers.legs < excluded.legs";
  static constexpr const char* totals
    = "SELECT count(*), coalesce(sum(legs), 0), coalesce(sum(miles), 0) FROM ledgers";
};

/// Each thread has a connection, opened when it first asks, and anew after it broke.
class postgres_planes : public planes_database {
public:
  explicit postgres_planes(std::string where) : where_(std::move(where)) {
    with_connection([](pqxx::nontransaction& sql) { return sql.exec(definition); });
  }

  plane_ledger find_plane(const std::string& tail) override {
    auto rows = with_connection(
      [&](pqxx::nontransaction& sql) { return sql.exec_prepared("select", tail); });
    if (rows.empty())
      return {};
    return {rows[0][0].as<std::string>(), rows[0][1].as<int64_t>()};
  }

  void write_ledger(const std::string& tail, const plane_ledger& row) override {
    with_connection([&](pqxx::nontransaction& sql) {
      return sql.exec_prepared("upsert", tail, row.model, row.seats, row.legs, row.miles);
    });
  }

  ledger_totals add_up() override {
    auto row = with_connection([](pqxx::nontransaction& sql) { return sql.exec(totals); })[0];
    return {row[0].as<int64_t>(), row[1].as<int64_t>(), row[2].as<int64_t>()};
  }

private:
  pqxx::result with_connection(const std::function<pqxx::result(pqxx::nontransaction&)>& ask) {
    static thread_local std::optional<pqxx::connection> connection;
    try {
      if (!connection) {
        connection.emplace(where_);
        connection->prepare("select", select);
        connection->prepare("upsert", upsert);
      }
      pqxx::nontransaction sql{*connection};
      return ask(sql);
    } catch (...) {
      connection.reset();
      throw;
    }
  }

  std::string where_;
};

/// One connection and a lock: SQLite has one writer at a time anyway.
class sqlite_planes : public planes_database {
public:
  explicit sqlite_planes(const std::string& csv)
    : file_(std::filesystem::temp_directory_path()
            / ("keyloom-planes-" + std::to_string(getpid()) + ".db")) {
    sqlite3* opened = nullptr;
    auto code = sqlite3_open(file_.c_str(), &opened);
    db_.reset(opened);
    check(code == SQLITE_OK);
    run("PRAGMA synchronous = off");
    run("CREATE TABLE planes (tailnum text PRIMARY KEY, model text, seats int)");
    run(definition);
    fill(csv);
  }

  ~sqlite_planes() override {
    db_.reset();
    std::error_code ignored; // a temporary file that stays behind harms nobody
    std::filesystem::remove(file_, ignored);
  }

  plane_ledger find_plane(const std::string& tail) override {
    std::lock_guard guard{mutex_};
    plane_ledger result;
    run(select, {tail}, [&](sqlite3_stmt* row) {
      result.model = reinterpret_cast<const char*>(sqlite3_column_text(row, 0));
      result.seats = sqlite3_column_int64(row, 1);
    });
    return result;
  }

  void write_ledger(const std::string& tail, const plane_ledger& row) override {
    std::lock_guard guard{mutex_};
    run(upsert, {tail, row.model, std::to_string(row.seats), std::to_string(row.legs),
                 std::to_string(row.miles)});
  }

  ledger_totals add_up() override {
    std::lock_guard guard{mutex_};
    ledger_totals result;
    run(totals, {}, [&](sqlite3_stmt* row) {
      result = {sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                sqlite3_column_int64(row, 2)};
    });
    return result;
  }

private:
  struct closing {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  void check(bool well) const {
    if (!well)
      throw std::runtime_error(file_.string() + ": " + sqlite3_errmsg(db_.get()));
  }

  // Columns of type int take a number that comes as text for one.
  void run(const char* sql, const std::vector<std::string>& values = {},
           const std::function<void(sqlite3_stmt*)>& each = nullptr) {
    sqlite3_stmt* made = nullptr;
    check(sqlite3_prepare_v2(db_.get(), sql, -1, &made, nullptr) == SQLITE_OK);
    std::unique_ptr<sqlite3_stmt, closing> statement{made};
    for (size_t i = 0; i < values.size(); ++i)
      sqlite3_bind_text(made, static_cast<int>(i) + 1, values[i].c_str(), -1, SQLITE_STATIC);
    auto code = sqlite3_step(made);
    for (; code == SQLITE_ROW; code = sqlite3_step(made))
      if (each)
        each(made);
    check(code == SQLITE_DONE);
  }

  void fill(const std::string& csv) {
    std::ifstream in{csv};
    if (!in)
      throw std::runtime_error("cannot read " + csv);
    run("BEGIN");
    std::string line;
    std::getline(in, line); // tailnum,year,type,manufacturer,model,engines,seats,...
    while (std::getline(in, line)) {
      std::istringstream text{line};
      std::vector<std::string> cells;
      for (std::string cell; std::getline(text, cell, ',');)
        cells.push_back(cell);
      run("INSERT INTO planes VALUES ($1, $2, $3)", {cells.at(0), cells.at(4), cells.at(6)});
    }
    run("COMMIT");
  }

  std::filesystem::path file_;
  std::mutex mutex_;
  std::unique_ptr<sqlite3, closing> db_; // guarded by mutex_
};

inline std::unique_ptr<planes_database> open_planes(const std::string& csv) {
  if (const char* where = std::getenv("LEGS_DATABASE"))
    return std::make_unique<postgres_planes>(where);
  return std::make_unique<sqlite_planes>(csv);
}
