#include <keyloom/exec_main.hpp>
#include <keyloom/test_system.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

namespace keyloom {

namespace {

/// Before the configuration: CAF reads the types when it makes one.
struct registered_types {
  registered_types() { init_global_meta_objects(); }
};

struct quiet_config : registered_types, caf::actor_system_config {
  quiet_config() { set("caf.scheduler.max-threads", size_t{1}); }
};

} // namespace

struct test_system::impl {
  quiet_config config;
  caf::actor_system system{config};
};

test_system::test_system() : impl_(std::make_unique<impl>()) {
  // nop
}

test_system::~test_system() = default;

test_system::operator caf::actor_system&() {
  return impl_->system;
}

} // namespace keyloom
