// A batch planner and a brute-force model of it live through the same random lives.
#include "tests/fakes/seeds.hpp"
#include "tests/unit/core/batch_model.hpp"

using namespace keyloom;
using keyloom::test::batch_model;
using keyloom::test::model_set;

namespace {

constexpr int steps = 250;

class random_life {
public:
  explicit random_life(uint64_t seed)
    : random_(seed), again_(tries()), how_(settings()), planner_(how_), model_(how_, again_),
      keys_(1 + pick(12)) {}

  /// The first rule that was broken; empty: none was.
  std::string run() {
    for (int step = 0; step < steps && model_.wrong.empty(); ++step) {
      act();
      look();
    }
    if (again_.calls > 1) // of who drains nothing is executed again: it has to be given up
      for (auto* owner : hurried_)
        drop(owner);
    look();
    while (model_.wrong.empty() && (!running_.empty() || planner_.waiting() > 0)) {
      if (running_.empty())
        now_ += std::max(how_.delay, std::chrono::nanoseconds{again_.wait});
      else
        execute();
      look();
    }
    if (model_.wrong.empty() && !model_.all_back())
      model_.wrong.emplace_back("a set never came back");
    return model_.wrong.empty() ? "" : model_.wrong.front();
  }

private:
  size_t pick(size_t below) { return static_cast<size_t>(random_() % below); }

  core::batch_planner::settings settings() {
    core::batch_planner::settings result;
    result.max_items = static_cast<uint32_t>(1 + pick(8));
    result.max_batches = static_cast<uint32_t>(1 + pick(4));
    result.max_bytes = pick(2) == 0 ? 0 : 1 + pick(40);
    result.delay = std::chrono::milliseconds{pick(3) == 0 ? 0 : pick(20)};
    if (again_.calls > 1)
      result.again = [this](detail::batch_entry& item,
                            core::steady_time now) -> std::optional<core::steady_time> {
        if (!again_.again(item, item.tried.made))
          return std::nullopt;
        return now + again_.wait;
      };
    return result;
  }

  test::trying tries() {
    return {pick(2) == 0 ? 1 : static_cast<uint32_t>(2 + pick(3)),
            std::chrono::milliseconds{pick(15)}};
  }

  void act() {
    switch (pick(12)) {
      case 0:
        now_ += std::chrono::milliseconds{pick(12)};
        break;
      case 1:
        if (pick(8) == 0)
          hurry();
        break;
      case 2:
        if (pick(4) == 0)
          drop(&owners_[pick(owners_.size())]);
        break;
      case 3:
      case 4:
      case 5:
      case 6:
        execute();
        break;
      default:
        add();
    }
  }

  std::string_view random_key() {
    auto number = pick(keys_ + 1);
    return number == keys_ ? std::string_view{} : std::string_view{names[number]};
  }

  void give_key(detail::batch_entry& item, std::string_view key) {
    item.key = key;
    item.key_hash = std::hash<std::string_view>{}(key) % 3; // so that some collide
  }

  void add() {
    auto& set = sets_.emplace_back();
    set.owner = &owners_[pick(owners_.size())];
    set.key = random_key();
    set.key_hash = std::hash<std::string_view>{}(set.key) % 3;
    auto several_keys = pick(4) == 0;
    set.items.resize(pick(5) == 0 ? 0 : 1 + pick(pick(6) == 0 ? 30 : 4));
    for (auto& item : set.items) {
      give_key(item, several_keys ? random_key() : set.key);
      item.bytes = pick(12);
    }
    planner_.add(set, now_);
    model_.added(set, now_);
  }

  void execute() {
    if (running_.empty())
      return;
    auto chosen = running_.begin() + static_cast<std::ptrdiff_t>(pick(running_.size()));
    for (auto* each : (*chosen)->items)
      if (pick(4) == 0)
        each->error = caf::make_error(errc::processor_failed);
    model_.executed(**chosen, now_);
    planner_.executed(**chosen, now_);
    running_.erase(chosen);
  }

  void hurry() {
    auto* owner = &owners_[pick(owners_.size())];
    planner_.hurry(owner);
    model_.hurried(owner);
    hurried_.insert(owner);
  }

  void drop(int* owner) {
    planner_.drop(owner, now_);
    model_.dropped(owner, now_);
  }

  /// Lets leave what leaves and compares.
  void look() {
    model_.time_is(now_);
    model_.ended(planner_.take_ended());
    for (auto* leaving = planner_.next(now_); leaving != nullptr; leaving = planner_.next(now_)) {
      model_.left(*leaving, now_);
      running_.push_back(leaving);
      if (!model_.wrong.empty())
        return;
    }
    model_.none_leaves(now_);
    model_.check_deadline(planner_.next_deadline());
    if (planner_.waiting() != model_.waiting() || planner_.running() != running_.size())
      model_.wrong.emplace_back("another count of waiting items or running batches");
    for (auto& owner : owners_)
      if (planner_.standing(&owner) != model_.standing(&owner))
        model_.wrong.emplace_back("another count of sets that stand");
  }

  static inline const std::vector<std::string> names{"a", "b", "c", "d", "e", "f",
                                                     "g", "h", "i", "j", "k", ""};

  std::mt19937_64 random_;
  test::trying again_;
  core::batch_planner::settings how_;
  core::batch_planner planner_;
  batch_model model_;
  size_t keys_;
  core::steady_time now_{std::chrono::hours{1}};
  std::vector<int> owners_ = std::vector<int>(3);
  std::deque<model_set> sets_;
  std::vector<core::batch*> running_;
  std::set<int*> hurried_;
};

} // namespace

TEST_CASE("I11: batches keep all rules whatever is added, executed, dropped and hurried, in any "
          "order") {
  for (auto first : test::seeds())
    for (uint64_t life = 0; life < 20; ++life) {
      auto seed = std::getenv("KEYLOOM_SEED") != nullptr ? first : first * 1000 + life;
      INFO(test::replay(seed));
      REQUIRE(random_life{seed}.run() == "");
      if (std::getenv("KEYLOOM_SEED") != nullptr)
        break;
    }
}
