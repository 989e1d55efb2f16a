#include "actors/pool_home.hpp"

namespace keyloom::actors {

class pool_home::seat final : public handler_seat {
public:
  seat(pool_home& home, std::function<void()> woken)
    : handler_seat(std::move(woken)), home_(home) {}
  ~seat() override { leave(); }

  answer take(const owner& who) override {
    std::unique_lock lock{home_.mutex_};
    if (home_.stopped_)
      return {.reason = stopping()};
    if (cell_ == nullptr) {
      cell_ = &home_.least_busy();
      ++cell_->keys;
    }
    if (!company_.join(cell_->company, who.manner))
      return {};
    given_ = cell_->actor;
    if (given_ != nullptr)
      return {.instance = given_};
    auto made = home_.make({});
    if (!made)
      return {.reason = std::move(made.error())};
    given_ = cell_->actor = std::move(*made);
    cell_->company.renewed();
    lock.unlock();
    home_.watch(given_);
    return {.instance = given_};
  }

  void lost_instance() override {
    std::lock_guard guard{home_.mutex_};
    if (cell_ != nullptr && cell_->actor == given_)
      cell_->actor = nullptr;
  }

  void leave() override {
    if (cell_ == nullptr)
      return;
    company_.leave();
    std::lock_guard guard{home_.mutex_};
    --cell_->keys;
    cell_ = nullptr;
    given_ = nullptr;
  }

private:
  pool_home& home_;
  cell* cell_ = nullptr;
  caf::strong_actor_ptr given_;
};

std::unique_ptr<handler_seat> pool_home::new_seat(std::function<void()> woken) {
  return std::make_unique<seat>(*this, std::move(woken));
}

pool_home::cell& pool_home::least_busy() {
  auto* best = &cells_[next_];
  for (size_t i = 1; i < cells_.size() && best->keys > 0; ++i) {
    auto& each = cells_[(next_ + i) % cells_.size()];
    if (each.keys < best->keys)
      best = &each;
  }
  next_ = (next_ + 1) % cells_.size();
  return *best;
}

void pool_home::ended(caf::actor_id instance) {
  for (auto& each : cells_)
    if (each.actor != nullptr && each.actor->id() == instance)
      each.actor = nullptr;
}

std::vector<caf::strong_actor_ptr> pool_home::instances() const {
  std::vector<caf::strong_actor_ptr> result;
  for (auto& each : cells_)
    if (each.actor != nullptr)
      result.push_back(each.actor);
  return result;
}

} // namespace keyloom::actors
