#include "actors/inspector_actor.hpp"

#include "actors/inspected.hpp"
#include "actors/send.hpp"

#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>

#include <algorithm>
#include <mutex>

#include <unistd.h>

namespace keyloom::actors {

namespace {

std::string this_host() {
  char name[256] = "?";
  gethostname(name, sizeof name - 1);
  return name;
}

std::string name_of(const inspected& source) {
  return source.group() + "/" + source.reads();
}

caf::error no_source(const std::string& wanted, const std::vector<inspected*>& all) {
  std::string there;
  for (auto* each : all)
    there += (there.empty() ? "" : ", ") + ("'" + name_of(*each) + "'");
  auto what = wanted.empty() ? "several event sources run, say which"
                             : "no single event source is '" + wanted + "'";
  return caf::make_error(errc::no_such_part,
                         what + "; there is " + (there.empty() ? "none" : there));
}

} // namespace

/// The sources' answers, until the last one is there. Any thread.
struct look_round {
  std::mutex mutex;
  std::vector<source_state> states; // guarded by mutex, as the next
  size_t missing = 0;
  caf::typed_response_promise<system_state> answer; ///< the inspector's
};

inspector_core::behavior_type inspector_actor_state::make_behavior() {
  auto act = [this](const std::string& source, auto f) -> caf::result<void> {
    auto found = find(source);
    if (!found)
      return std::move(found.error());
    if (auto err = f(**found))
      return err;
    return caf::unit;
  };
  return {
    [](version_atom) { return inspector_version; },
    [this](look_atom) { return look(); },
    [act](pause_atom, const inspector_target& what) {
      return act(what.source, [&](inspected& in) { return in.pause(what); });
    },
    [act](resume_atom, const inspector_target& what) {
      return act(what.source, [&](inspected& in) { return in.resume(what); });
    },
    [this](limit_atom, const inspector_target& what,
           const limit_change& to) -> caf::result<stage_limits> {
      auto found = find(what.source);
      if (!found)
        return std::move(found.error());
      auto changed = (*found)->change_limits(what.stage, to);
      if (!changed)
        return std::move(changed.error());
      return *changed;
    },
    [act](follow_atom, const trace_order& what) {
      return act(what.source, [&](inspected& in) { return in.trace(what); });
    },
    [this](const inspector_join& news) { return join(news); },
    [this](const inspector_leave& news) { return leave(news); },
    [this](const inspector_claim& wanted) { return claim(wanted); },
    [this](const inspector_port& published) {
      auto is_it = [&published](const inspector_port& each) {
        return each.address == published.address && each.asked == published.asked;
      };
      if (published.port == 0) // it could not be
        std::erase_if(ports_, is_it);
      else if (auto it = std::ranges::find_if(ports_, is_it); it != ports_.end())
        it->port = published.port;
    },
    [this](const looked_at_all& at) { looked(at); },
  };
}

caf::result<void> inspector_actor_state::join(const inspector_join& news) {
  if (ending_) // the last source has left: make another one
    return caf::make_error(errc::wrong_state, "the inspector is ending");
  sources_.push_back(news.who);
  return caf::unit;
}

inspector_left inspector_actor_state::leave(const inspector_leave& news) {
  std::erase(sources_, news.who);
  ending_ = sources_.empty();
  return {ending_, ending_ ? ports_ : std::vector<inspector_port>{}};
}

/// Several sources of a program have the same setting: the first one publishes.
inspector_port inspector_actor_state::claim(const inspector_claim& wanted) {
  for (auto& each : ports_)
    if (each.address == wanted.address
        && (each.asked == wanted.port || (wanted.port != 0 && each.port == wanted.port))) {
      auto result = each;
      result.publish = false;
      return result;
    }
  return ports_.emplace_back(inspector_port{wanted.address, wanted.port, 0, true});
}

caf::result<system_state> inspector_actor_state::look() {
  if (sources_.empty())
    return about();
  auto round = std::make_shared<look_round>();
  round->states.resize(sources_.size());
  round->missing = sources_.size();
  round->answer = self_->make_response_promise<system_state>();
  auto me = inspector_core{self_};
  for (size_t i = 0; i < sources_.size(); ++i)
    sources_[i]->full_state([round, me, i](source_state what) {
      std::unique_lock lock{round->mutex};
      round->states[i] = std::move(what);
      auto last = --round->missing == 0;
      lock.unlock();
      if (last)
        post(me, looked_at_all{round});
    });
  return round->answer;
}

void inspector_actor_state::looked(const looked_at_all& at) {
  auto result = about();
  {
    std::lock_guard guard{at.round->mutex};
    result.sources = std::move(at.round->states);
  }
  at.round->answer.deliver(std::move(result));
}

system_state inspector_actor_state::about() const {
  return {this_host(), static_cast<uint64_t>(getpid()), self_->system().registry().running(), {}};
}

caf::expected<inspected*> inspector_actor_state::find(const std::string& source) const {
  inspected* result = nullptr;
  for (auto* each : sources_)
    if (source.empty() || source == each->group() || source == name_of(*each)) {
      if (result != nullptr)
        return no_source(source, sources_);
      result = each;
    }
  if (result == nullptr)
    return no_source(source, sources_);
  return result;
}

} // namespace keyloom::actors
