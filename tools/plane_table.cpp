#include "tools/plane_table.hpp"

#include <keyloom/errc.hpp>

#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <unistd.h>

namespace keyloom::tools {

namespace {

struct close_database {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct finalize_statement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using database = std::unique_ptr<sqlite3, close_database>;
using statement = std::unique_ptr<sqlite3_stmt, finalize_statement>;

caf::error failed(sqlite3* db, const std::string& what) {
  return caf::make_error(errc::kafka_failed,
                         "the table of aircraft: " + what + ": " + sqlite3_errmsg(db));
}

caf::expected<database> open_database(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  auto code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  database db{raw};
  if (code != SQLITE_OK)
    return failed(raw, "cannot open " + path);
  return db;
}

caf::expected<statement> prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db, sql, -1, &raw, nullptr) != SQLITE_OK)
    return failed(db, sql);
  return statement{raw};
}

caf::error run(sqlite3* db, const char* sql) {
  return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? caf::error{}
                                                                       : failed(db, sql);
}

std::string text_of(sqlite3_stmt* row, int column) {
  auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? std::string{} : std::string{text};
}

caf::error fill(sqlite3* db, const csv_table& planes) {
  constexpr const char* names[] = {"tailnum", "manufacturer", "model", "year", "seats"};
  std::vector<size_t> columns;
  for (auto* name : names) {
    auto column = planes.column(name);
    if (!column)
      return caf::make_error(errc::bad_config,
                             std::string{"the file of aircraft has no column '"} + name + "'");
    columns.push_back(*column);
  }
  if (auto err = run(
        db,
        "CREATE TABLE planes (tail TEXT PRIMARY KEY, manufacturer TEXT, model TEXT, year INTEGER, "
        "seats INTEGER) WITHOUT ROWID; BEGIN"))
    return err;
  auto insert = prepare(db, "INSERT OR REPLACE INTO planes VALUES (?1, ?2, ?3, ?4, ?5)");
  if (!insert)
    return std::move(insert.error());
  for (size_t row = 0; row < planes.rows(); ++row) {
    for (size_t i = 0; i < columns.size(); ++i) {
      auto& cell = planes.cell(row, columns[i]);
      sqlite3_bind_text(insert->get(), static_cast<int>(i) + 1, cell.data(),
                        static_cast<int>(cell.size()), SQLITE_STATIC);
    }
    if (sqlite3_step(insert->get()) != SQLITE_DONE)
      return failed(db, "cannot insert");
    sqlite3_reset(insert->get());
  }
  return run(db, "COMMIT");
}

/// A connection and its look-up; one thread's.
struct reader {
  database db;
  statement look_up;
};

} // namespace

struct plane_table::impl {
  std::filesystem::path file;
  std::mutex mutex;
  std::map<std::thread::id, reader>
    readers; // guarded by mutex; an entry is used by its own thread only

  ~impl() {
    readers.clear();
    std::error_code ignored; // a temporary file that stays behind harms nobody
    std::filesystem::remove(file, ignored);
  }

  caf::expected<reader*> reader_of_this_thread() {
    std::lock_guard guard{mutex};
    auto& mine = readers[std::this_thread::get_id()];
    if (mine.db == nullptr) {
      auto db = open_database(file.string(), SQLITE_OPEN_READONLY);
      if (!db)
        return std::move(db.error());
      auto look_up = prepare(db->get(),
                             "SELECT manufacturer, model, year, seats FROM planes WHERE tail = ?1");
      if (!look_up)
        return std::move(look_up.error());
      mine = {std::move(*db), std::move(*look_up)};
    }
    return &mine;
  }
};

plane_table::plane_table(std::unique_ptr<impl> ptr) : impl_(std::move(ptr)) {
  // nop
}

plane_table::plane_table(plane_table&&) noexcept = default;
plane_table& plane_table::operator=(plane_table&&) noexcept = default;
plane_table::~plane_table() = default;

caf::expected<plane_table> plane_table::make(const csv_table& planes) {
  static std::atomic<int> made = 0;
  auto ptr = std::make_unique<impl>();
  ptr->file
    = std::filesystem::temp_directory_path()
      / ("keyloom-planes-" + std::to_string(getpid()) + "-" + std::to_string(++made) + ".db");
  auto db = open_database(ptr->file.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!db)
    return std::move(db.error());
  if (auto err = fill(db->get(), planes))
    return err;
  return plane_table{std::move(ptr)};
}

caf::expected<std::optional<plane>> plane_table::find(std::string_view tail) const {
  auto mine = impl_->reader_of_this_thread();
  if (!mine)
    return std::move(mine.error());
  auto* query = (*mine)->look_up.get();
  sqlite3_reset(query);
  sqlite3_bind_text(query, 1, tail.data(), static_cast<int>(tail.size()), SQLITE_STATIC);
  switch (sqlite3_step(query)) {
    case SQLITE_ROW:
      return std::optional{plane{text_of(query, 0), text_of(query, 1), sqlite3_column_int(query, 2),
                                 sqlite3_column_int(query, 3)}};
    case SQLITE_DONE:
      return std::optional<plane>{};
    default:
      return failed((*mine)->db.get(), "look-up failed");
  }
}

} // namespace keyloom::tools
