#include "tools/inspector_access.hpp"

#include <caf/scoped_actor.hpp>

namespace keyloom::tools {

std::string to_string(const inspector_place& at) {
  return at.host + ":" + std::to_string(at.port);
}

inspector_access::inspector_access(inspector_place at) : at_(std::move(at)), system_(config_) {
  // nop
}

caf::error inspector_access::connect() {
  if (inspector_)
    return {};
  auto found = connect_inspector(system_, at_.host, at_.port);
  if (!found)
    return std::move(found.error());
  inspector_ = std::move(*found);
  return {};
}

/// What the process says of itself stays as it is; anything else means that it is not there.
caf::error inspector_access::lost(const caf::error& reason) {
  if (reason.category() == caf::type_id_v<errc>)
    return reason;
  inspector_.reset();
  return caf::make_error(errc::no_inspector, "the process at " + to_string(at_)
                                               + " does not answer: " + caf::to_string(reason));
}

template <class Result, class... Ts>
caf::expected<Result> inspector_access::ask(const Ts&... xs) {
  if (auto err = connect())
    return err;
  caf::expected<Result> result = caf::error{};
  caf::scoped_actor self{system_};
  self->request(*inspector_, at_.timeout, xs...)
    .receive([&](Result& answer) { result = std::move(answer); },
             [&](const caf::error& reason) { result = lost(reason); });
  return result;
}

template <class... Ts>
caf::error inspector_access::tell(const Ts&... xs) {
  if (auto err = connect())
    return err;
  caf::error result;
  caf::scoped_actor self{system_};
  self->request(*inspector_, at_.timeout, xs...)
    .receive([] {}, [&](const caf::error& reason) { result = lost(reason); });
  return result;
}

caf::expected<system_state> inspector_access::look() {
  return ask<system_state>(look_atom_v);
}

caf::error inspector_access::pause(const inspector_target& what) {
  return tell(pause_atom_v, what);
}

caf::error inspector_access::resume(const inspector_target& what) {
  return tell(resume_atom_v, what);
}

caf::expected<stage_limits> inspector_access::change_limits(const inspector_target& what,
                                                            const limit_change& to) {
  return ask<stage_limits>(limit_atom_v, what, to);
}

caf::error inspector_access::trace(const trace_order& what) {
  return tell(follow_atom_v, what);
}

} // namespace keyloom::tools
