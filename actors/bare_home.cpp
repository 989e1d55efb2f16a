#include "actors/bare_home.hpp"

#include <keyloom/detail/actor_port.hpp>
#include <keyloom/errc.hpp>

namespace keyloom::actors {

class bare_home::seat final : public handler_seat {
public:
  explicit seat(bare_home& home) : home_(home) {}

  answer take(const owner&) override {
    if (home_.actor_ != nullptr && !home_.lost_)
      return {.instance = home_.actor_};
    return {
      .reason = caf::make_error(
        errc::no_handler_actor,
        home_.actor_ == nullptr
          ? "bare_actor was given an empty handle"
          : "the actor given with bare_actor has ended, and is not made again; give a factory "
            "instead: shared_actor")};
  }

  void lost_instance() override { home_.lost_ = true; }
  void leave() override {}

private:
  bare_home& home_;
};

bare_home::bare_home(home_services with) : actor_(with.port.spawn(with.system, {})) {
  // nop
}

std::unique_ptr<handler_seat> bare_home::new_seat(std::function<void()>) {
  return std::make_unique<seat>(*this);
}

} // namespace keyloom::actors
