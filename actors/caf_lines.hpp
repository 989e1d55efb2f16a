// Brings what CAF has to say into our log: lines of its own logger, and what it, or an actor with
// caf::aout, prints (such as exceptions that nobody caught). CAF knows files only, so it gets the
// writing end of a pipe, and a thread reads the other one. Made before the actor system, from whose
// configuration it sets the logger's file unless that names one; ends after it. One thread.
#pragma once

#include "runtime/log/logger.hpp"

#include <caf/fwd.hpp>

#include <string>
#include <thread>

namespace keyloom::actors {

class caf_lines {
public:
  explicit caf_lines(caf::actor_system_config& config);
  caf_lines(const caf_lines&) = delete;
  caf_lines& operator=(const caf_lines&) = delete;
  ~caf_lines();

  /// What is printed comes here, too, instead of on stdout, which belongs to the program.
  void take_prints_of(caf::actor_system& system) const;

private:
  void read();
  bool read_all();
  void write(std::string line);

  log::logger log_;
  int from_ = -1;
  int to_ = -1;
  int over_ = -1;    ///< wakes the reader for the last time
  std::string rest_; ///< of a line; the reader's
  std::string path_; ///< of the writing end; empty: there is no pipe
  std::thread reader_;
};

} // namespace keyloom::actors
