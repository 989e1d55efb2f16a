// How other processes find an inspector.
#include <keyloom/inspector.hpp>

#include <caf/actor_system.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

namespace keyloom {

namespace {

constexpr std::chrono::seconds answer_timeout{5};

caf::error none_at(const std::string& where, const std::string& why) {
  return caf::make_error(errc::no_inspector, "no inspector at " + where + ": " + why);
}

} // namespace

void init_inspector_messages() {
  caf::init_global_meta_objects<caf::id_block::keyloom_errors>();
  caf::init_global_meta_objects<caf::id_block::keyloom_inspector>();
}

caf::expected<inspector> connect_inspector(caf::actor_system& system, const std::string& host,
                                           uint16_t port) {
  auto where = host + ":" + std::to_string(port);
  auto found = system.middleman().remote_actor<inspector>(host, port);
  if (!found) {
    if (found.error() == caf::sec::unexpected_actor_messaging_interface)
      return none_at(where, "another actor is published there, or one of another version of "
                            "keyloom; use the same version here and there");
    return none_at(where, to_string(found.error())
                            + "; is the process there, with keyloom.inspect.port (`keyloom work "
                              "--inspect-port P`), and is the port CAF's?");
  }
  caf::error problem;
  caf::scoped_actor self{system};
  self->request(*found, answer_timeout, version_atom_v)
    .receive(
      [&](uint32_t version) {
        if (version != inspector_version)
          problem = none_at(where, "it speaks version " + std::to_string(version)
                                     + " of the inspector's messages, this program version "
                                     + std::to_string(inspector_version)
                                     + "; use the same version of keyloom here and there");
      },
      [&](const caf::error& reason) { problem = none_at(where, to_string(reason)); });
  if (problem)
    return problem;
  return std::move(*found);
}

} // namespace keyloom
