#include "actors/per_key_home.hpp"

#include "actors/send.hpp"
#include "runtime/core/shown_key.hpp"
#include "runtime/core/work_memory.hpp"

#include <keyloom/errc.hpp>

#include <caf/actor_cast.hpp>

namespace keyloom::actors {

namespace {

uint64_t hash_of(const handler_seat::owner& who) {
  return who.key_hash ^ (reinterpret_cast<uintptr_t>(&who.memory) * 0x9E3779B97F4A7C15ull);
}

} // namespace

class per_key_home::seat final : public handler_seat {
public:
  seat(per_key_home& home, const std::function<void()>& woken)
    : handler_seat(woken), home_(home), woken_(woken) {}
  ~seat() override { leave(); }

  answer take(const owner& who) override {
    std::unique_lock lock{home_.mutex_};
    if (home_.stopped_)
      return {.reason = stopping()};
    if (who.memory.given_up())
      return {.reason = caf::make_error(errc::wrong_state, "the partition was given up")};
    home_.see_off();
    if (held_ == nullptr) {
      held_ = home_.find(who);
      if (held_ != nullptr) {
        ++held_->users;
        leave_line();
        home_.serve_line();
      }
    }
    if (held_ != nullptr)
      return {.instance = company_.join(held_->company, who.manner) ? held_->actor : nullptr};
    if (!called_ && !home_has_room()) {
      if (!in_line_)
        place_ = home_.line_.insert(home_.line_.end(), this);
      in_line_ = true;
      home_.make_room();
      return {};
    }
    leave_line();
    auto made = home_.move_in(who);
    if (!made) {
      home_.serve_line();
      return {.reason = std::move(made.error())};
    }
    held_ = *made;
    company_.join(held_->company, who.manner); // which is new
    auto instance = held_->actor;
    lock.unlock();
    home_.watch(instance);
    return {.instance = std::move(instance)};
  }

  void lost_instance() override {
    company_.leave();
    std::lock_guard guard{home_.mutex_};
    if (held_ == nullptr)
      return;
    home_.move_out(*held_);
    home_.released(*std::exchange(held_, nullptr));
  }

  void leave() override {
    company_.leave();
    std::lock_guard guard{home_.mutex_};
    leave_line();
    if (held_ != nullptr)
      home_.released(*std::exchange(held_, nullptr));
    home_.serve_line();
  }

  void call() {
    in_line_ = false;
    called_ = true;
    woken_();
  }

private:
  bool home_has_room() const { return home_.line_.empty() && home_.has_room(); }

  void leave_line() {
    if (std::exchange(in_line_, false))
      home_.line_.erase(place_);
    if (std::exchange(called_, false))
      --home_.promised_;
  }

  per_key_home& home_;
  std::function<void()> woken_;
  tenant* held_ = nullptr;           // guarded by home_.mutex_, as all below
  std::list<seat*>::iterator place_; ///< valid while in line
  bool in_line_ = false;
  bool called_ = false; ///< out of the line: there is room for it
};

std::unique_ptr<handler_seat> per_key_home::new_seat(std::function<void()> woken) {
  return std::make_unique<seat>(*this, woken);
}

void per_key_home::partition_gone(const core::work_memory& memory) {
  std::lock_guard guard{mutex_};
  for (auto& [id, each] : tenants_)
    if (each.memory == &memory)
      move_out(each);
}

per_key_home::tenant* per_key_home::find(const handler_seat::owner& who) {
  if (who.key.data() == nullptr)
    return nullptr;
  auto* found = by_key_.find(who.key, hash_of(who));
  if (found != nullptr && found->users == 0)
    idle_.erase(found->place);
  return found;
}

caf::expected<per_key_home::tenant*> per_key_home::move_in(const handler_seat::owner& who) {
  std::string key{who.key};
  auto made = make(key);
  if (!made)
    return std::move(made.error());
  auto [place, is_new] = tenants_.try_emplace((*made)->id());
  if (!is_new) {
    unmade();
    return caf::make_error(errc::no_handler_actor,
                           "the handler actor's factory returned an actor that is another key's; "
                           "one for several keys is a shared_actor");
  }
  auto& fresh = place->second;
  fresh.key = std::move(key);
  fresh.hash = hash_of(who);
  fresh.memory = &who.memory;
  fresh.actor = std::move(*made);
  fresh.users = 1;
  fresh.keyed = who.key.data() != nullptr;
  if (fresh.keyed)
    by_key_.insert(fresh);
  return &fresh;
}

/// Takes an instance out of sight and tells it to end; `ended` comes later, or `see_off`.
void per_key_home::move_out(tenant& who) {
  if (std::exchange(who.leaving, true))
    return;
  if (who.keyed)
    by_key_.erase(who);
  if (who.users == 0)
    idle_.erase(who.place);
  if (who.gone)
    return;
  who.due = std::chrono::steady_clock::now() + grace;
  who.place = departing_.insert(departing_.end(), &who);
  end(caf::actor_cast<caf::actor>(who.actor));
}

void per_key_home::released(tenant& who) {
  if (--who.users > 0)
    return;
  if (who.gone) {
    tenants_.erase(who.actor->id());
    return;
  }
  if (who.leaving)
    return; // `ended` erases it
  who.place = idle_.insert(idle_.end(), &who);
  if (!who.keyed || who.memory->given_up())
    move_out(who);
  else
    make_room();
}

/// Ends as many as there are seats in line, those that have been idle for longest first.
void per_key_home::make_room() {
  while (!idle_.empty() && departing_.size() < line_.size()) {
    with_.meter->actors_evicted.fetch_add(1, std::memory_order_relaxed);
    move_out(*idle_.front());
  }
}

/// Kills those that should be gone by now, and gives away the places of those that should be dead.
void per_key_home::see_off() {
  while (!departing_.empty() && departing_.front()->due <= std::chrono::steady_clock::now()) {
    auto& late = *departing_.front();
    if (std::exchange(late.killed, true)) {
      departing_.pop_front();
      late.written_off = true;
      ++written_off_;
      with_.log.warning("stage '" + with_.stage + "': the handler actor of key "
                        + core::shown_key(late.key)
                        + " has not ended although it was killed: it does not return from what it "
                          "does. Its place goes to another key");
      continue;
    }
    late.due += grace;
    departing_.splice(departing_.end(), departing_, late.place);
    end(caf::actor_cast<caf::actor>(late.actor), caf::exit_reason::kill);
  }
  serve_line();
}

void per_key_home::serve_line() {
  while (!line_.empty() && has_room()) {
    auto* next = line_.front();
    line_.pop_front();
    ++promised_;
    next->call();
  }
}

void per_key_home::ended(caf::actor_id instance) {
  auto it = tenants_.find(instance);
  if (it == tenants_.end())
    return;
  auto& who = it->second;
  if (who.written_off)
    --written_off_;
  else if (who.leaving)
    departing_.erase(who.place);
  who.gone = true;
  move_out(who);
  if (who.users == 0)
    tenants_.erase(it);
  serve_line();
}

std::vector<caf::strong_actor_ptr> per_key_home::instances() const {
  std::vector<caf::strong_actor_ptr> result;
  for (auto& [id, each] : tenants_)
    if (!each.gone)
      result.push_back(each.actor);
  return result;
}

} // namespace keyloom::actors
