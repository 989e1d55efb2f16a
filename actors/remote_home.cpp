#include "actors/remote_home.hpp"

#include "actors/send.hpp"

#include <keyloom/detail/actor_port.hpp>
#include <keyloom/errc.hpp>

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/stateful_actor.hpp>

namespace keyloom::actors {

/// Asks the middleman without keeping a thread.
struct remote_home::link_state {
  static inline const char* name = "keyloom.link";

  link_state(caf::event_based_actor* self, std::weak_ptr<remote_home> home)
    : self_(self), home_(std::move(home)) {}

  caf::behavior make_behavior() {
    return {[this](caf::connect_atom, const std::string& host, uint16_t port) {
      self_
        ->request(self_->system().middleman().actor_handle(), connect_timeout, caf::connect_atom_v,
                  host, port)
        .then(
          [this](const caf::node_id&, const caf::strong_actor_ptr& actor,
                 const std::set<std::string>& takes) {
            if (auto home = home_.lock())
              home->connected(actor, takes);
          },
          [this](caf::error& reason) {
            if (auto home = home_.lock())
              home->failed(std::move(reason));
          });
    }};
  }

  caf::event_based_actor* self_;
  std::weak_ptr<remote_home> home_;
};

class remote_home::seat final : public handler_seat {
public:
  seat(remote_home& home, const std::function<void()>& woken)
    : handler_seat(woken), home_(home), woken_(woken) {}
  ~seat() override { leave(); }

  answer take(const owner& who) override {
    std::lock_guard guard{home_.mutex_};
    if (home_.stopped_)
      return {.reason = caf::make_error(errc::wrong_state, "the source is stopping")};
    if (auto reason = std::exchange(failure_, caf::error{}))
      return {.reason = std::move(reason)};
    given_ = home_.actor_;
    if (given_ == nullptr && !std::exchange(in_line_, true)) {
      place_ = home_.line_.insert(home_.line_.end(), this);
      home_.connect();
    }
    if (given_ != nullptr && !company_.join(home_.company_, who.manner))
      return {};
    return {.instance = given_};
  }

  void lost_instance() override {
    std::lock_guard guard{home_.mutex_};
    if (home_.actor_ == given_)
      home_.actor_ = nullptr;
  }

  void leave() override {
    company_.leave();
    std::lock_guard guard{home_.mutex_};
    if (std::exchange(in_line_, false))
      home_.line_.erase(place_);
    failure_ = {};
    given_ = nullptr;
  }

  /// Out of the line already.
  void call(const caf::error& reason) {
    in_line_ = false;
    failure_ = reason;
    woken_();
  }

private:
  remote_home& home_;
  std::function<void()> woken_;
  caf::strong_actor_ptr given_;      // guarded by home_.mutex_, as all below
  caf::error failure_;               ///< what `take` says next
  std::list<seat*>::iterator place_; ///< valid while in line
  bool in_line_ = false;
};

remote_home::remote_home(home_services with) : with_(std::move(with)) {
  // nop
}

std::unique_ptr<handler_seat> remote_home::new_seat(std::function<void()> woken) {
  return std::make_unique<seat>(*this, woken);
}

void remote_home::stop() {
  std::lock_guard guard{mutex_};
  stopped_ = true;
  actor_ = nullptr;
  with_.meter->actors_alive.store(0, std::memory_order_relaxed); // as far as this source knows
  if (link_)
    end(std::exchange(link_, nullptr));
}

/// Under the lock.
void remote_home::connect() {
  if (std::exchange(connecting_, true))
    return;
  if (!link_)
    link_ = with_.system.spawn<caf::stateful_actor<link_state>>(weak_from_this());
  auto& to = with_.port.layout();
  post(link_, caf::connect_atom_v, to.host, to.port);
}

void remote_home::connected(const caf::strong_actor_ptr& actor,
                            const std::set<std::string>& takes) {
  auto needed = with_.port.message_types(with_.system);
  if (actor == nullptr) {
    failed(caf::make_error(errc::no_handler_actor, "no actor is published there"));
  } else if (!needed.empty() && !with_.system.assignable(takes, needed)) {
    failed(caf::make_error(errc::no_handler_actor,
                           "the actor that is published there takes other messages than the "
                           "stage's handle says"));
  } else {
    company_.renewed();
    settle(actor, {});
    actor->get()->attach_functor([weak = weak_from_this(), id = actor->id()](const caf::error&) {
      if (auto home = weak.lock())
        home->ended(id);
    });
  }
}

void remote_home::failed(caf::error reason) {
  settle(nullptr,
         caf::make_error(errc::no_handler_actor,
                         "the handler actor" + place() + " cannot be reached: " + describe(reason)
                           + "; is its node running, and published at this port? The next "
                             "job tries again"));
}

void remote_home::settle(caf::strong_actor_ptr actor, const caf::error& reason) {
  std::lock_guard guard{mutex_};
  connecting_ = false;
  if (!stopped_ && actor != nullptr) {
    with_.meter->actors_made.fetch_add(1, std::memory_order_relaxed);
    with_.meter->actors_alive.fetch_add(1, std::memory_order_relaxed);
  }
  actor_ = stopped_ ? nullptr : std::move(actor);
  for (auto* each : std::exchange(line_, {}))
    each->call(reason);
}

void remote_home::ended(caf::actor_id actor) {
  std::lock_guard guard{mutex_};
  if (stopped_)
    return; // and the log may be gone
  with_.meter->actors_alive.fetch_sub(1, std::memory_order_relaxed);
  with_.log.warning("stage '" + with_.stage + "': lost the handler actor" + place());
  if (actor_ != nullptr && actor_->id() == actor)
    actor_ = nullptr;
}

std::string remote_home::place() const {
  auto& to = with_.port.layout();
  return " at " + to.host + ":" + std::to_string(to.port);
}

} // namespace keyloom::actors
