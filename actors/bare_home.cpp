#include "actors/bare_home.hpp"

#include <keyloom/detail/actor_port.hpp>
#include <keyloom/errc.hpp>

namespace keyloom::actors {

class bare_home::seat final : public handler_seat {
public:
  seat(bare_home& home, std::function<void()> woken)
    : handler_seat(std::move(woken)), home_(home) {}

  answer take(const owner& who) override {
    if (home_.actor_ != nullptr && !home_.lost_) {
      auto joined = company_.join(home_.company_, who.manner);
      return {.instance = joined ? home_.actor_ : nullptr};
    }
    return {
      .reason = caf::make_error(
        errc::no_handler_actor,
        home_.actor_ == nullptr
          ? "bare_actor was given an empty handle"
          : "the actor given with bare_actor has ended, and is not made again; give a factory "
            "instead: shared_actor")};
  }

  void lost_instance() override { home_.lost_ = true; }
  void leave() override { company_.leave(); }

private:
  bare_home& home_;
};

bare_home::bare_home(home_services with) : actor_(with.port.spawn(with.system, {})) {
  // nop
}

std::unique_ptr<handler_seat> bare_home::new_seat(std::function<void()> woken) {
  return std::make_unique<seat>(*this, std::move(woken));
}

} // namespace keyloom::actors
