// A source and the testkit that drives it: define `source`, then `start`. For tests of the core;
// what it adds to what users have is the way to the core's partition and its run port.
#pragma once

#include "runtime/testkit/session.hpp"

namespace keyloom::fakes {

template <class Store = no_store>
struct kit_rig {
  test_system system;
  event_source<Store> source;
  std::optional<testkit<Store>> kit;

  template <class... Factory>
  explicit kit_rig(source_config cfg = {}, Factory... make_store)
    : source(system, named(std::move(cfg)), std::move(make_store)...) {}

  void start(const testkit_options& options = {}) { kit.emplace(source, options); }

  /// Works on all ready and waiting jobs of a key, one after the other.
  template <class Job, class Result>
  void answer_key(const test_stage<Job, Result>& stage, const std::string& key) {
    while (std::ranges::count(stage.keys(), key) > 0)
      stage.next(key).run();
  }

  rig::session& session() { return kit->internals(); }
  core::partition& core() { return session().seat_of(0).now->core(); }
  core::partition_meter& meter() { return session().seat_of(0).now->meter(); }
  rig::job_desk& desk() { return session().seat_of(0).now->desk(); }

private:
  static source_config named(source_config cfg) {
    cfg.group = "group";
    cfg.topic = "topic";
    return cfg;
  }
};

} // namespace keyloom::fakes
