#include "actors/inspector_link.hpp"

#include "actors/send.hpp"
#include "runtime/http/loopback.hpp"

#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace keyloom::actors {

namespace {

/// The registered one. Of several that are made at once the first one is.
inspector_core find_or_make(caf::actor_system& system) {
  auto& registry = system.registry();
  if (auto found = registry.get<caf::strong_actor_ptr>(inspector_name))
    return caf::actor_cast<inspector_core>(found);
  auto made = system.spawn<caf::stateful_actor<inspector_actor_state, inspector_core::impl>>();
  registry.put(inspector_name, made);
  auto registered = registry.get<caf::strong_actor_ptr>(inspector_name);
  if (registered == nullptr || registered->address() == made.address())
    return made;
  end(made);
  return caf::actor_cast<inspector_core>(registered);
}

/// Lets the next one be registered.
void forget(caf::actor_system& system, const inspector_core& gone) {
  auto registered = system.registry().get<caf::strong_actor_ptr>(inspector_name);
  if (registered != nullptr && registered->address() == gone.address())
    system.registry().erase(inspector_name);
}

} // namespace

caf::error inspector_link::open(inspected& who, const source_config& cfg, log::logger& log) {
  who_ = &who;
  join();
  auto err = cfg.inspect_port ? publish(cfg, log) : caf::error{};
  if (err)
    close();
  return err;
}

void inspector_link::join() {
  caf::scoped_actor self{system_};
  for (auto joined = false; !joined;) {
    inspector_ = find_or_make(system_);
    self->request(inspector_, caf::infinite, inspector_join{who_})
      .receive([&joined] { joined = true; },
               [&](const caf::error&) { // it is ending, or somebody killed it
                 self->wait_for(inspector_);
                 forget(system_, inspector_);
               });
  }
}

caf::error inspector_link::publish(const source_config& cfg, log::logger& log) {
  if (!system_.has_middleman())
    return caf::make_error(errc::bad_config,
                           "keyloom.inspect.port needs CAF's middleman: call "
                           "load<caf::io::middleman>() on the configuration before the actor "
                           "system is made, or use keyloom::exec_main");
  auto& address = cfg.inspect_address;
  caf::scoped_actor self{system_};
  inspector_port place;
  self->request(inspector_, caf::infinite, inspector_claim{address, *cfg.inspect_port})
    .receive([&place](const inspector_port& answer) { place = answer; }, [](const caf::error&) {});
  if (!place.publish)
    return {};
  auto port = system_.middleman().publish(inspector{inspector_}, *cfg.inspect_port, address.c_str(),
                                          true);
  place.port = port ? *port : 0;
  self->request(inspector_, caf::infinite, place).receive([] {}, [](const caf::error&) {});
  if (!port)
    return caf::make_error(errc::bad_config,
                           "keyloom.inspect.port: cannot listen on " + address + ", port "
                             + std::to_string(*cfg.inspect_port) + " (" + to_string(port.error())
                             + "); choose another one, or 0 for any that is free");
  auto where = address + ":" + std::to_string(*port);
  log.info("the inspector listens on " + where + ": keyloom top " + where);
  if (!http::is_loopback(address))
    log.warning("keyloom.inspect.address is " + address
                + ": whoever reaches that port can pause stages and send messages to every actor "
                  "of this process, and is asked for no password; let a firewall see to it");
  return {};
}

void inspector_link::close() {
  auto* who = std::exchange(who_, nullptr);
  if (who == nullptr)
    return;
  inspector_left left;
  caf::scoped_actor self{system_};
  self->request(inspector_, caf::infinite, inspector_leave{who})
    .receive([&left](const inspector_left& answer) { left = answer; },
             [&left](const caf::error&) { left.last = true; }); // somebody else ended it
  if (left.last) {
    for (auto& each : left.ports)
      system_.middleman().unpublish(inspector_, each.port);
    system_.registry().erase(inspector_name); // else the registry would keep it (FACTS: spins)
    end(inspector_);
    self->wait_for(inspector_);
  }
  inspector_ = inspector_core{};
}

} // namespace keyloom::actors
