// Any outcome at any time, against a model of the broker: whatever happens, transactions are
// committed in the order they were submitted, each once, and all but those that were dropped.
#include "runtime/core/transaction_plan.hpp"
#include "tests/fakes/seeds.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace std::chrono_literals;
using keyloom::core::transaction_plan;
using keyloom::test::replay;

namespace {

using step = transaction_plan::step;
using outcome = transaction_plan::outcome;
using kind = transaction_plan::news_kind;
using number = transaction_plan::number;

/// What the broker knows of one transactional id.
struct pending {
  number transaction = 0; ///< 0: none open
  bool acknowledged = false;
  bool offsets = false;
  bool ending = false; ///< a commit reached it, maybe: it decides when it must
  bool left = false;   ///< by a producer that broke: open, until it is opened anew or expires
};

class run {
public:
  run(uint64_t seed, size_t producers)
    : random_(seed), plan_({.producers = producers, .patience = 2s, .wait = 50ms}),
      broker_(producers), busy_(producers) {}

  void play() {
    for (auto moves = pick(50, 400); moves > 0; --moves)
      move();
    trouble_ = false;
    for (auto moves = 0; plan_.size() > 0 && !over_; ++moves) {
      REQUIRE(moves < 100'000);
      move();
    }
    while (over_ && !plan_.quiet())
      move();
    check_end();
  }

private:
  int pick(int from, int to) { return std::uniform_int_distribution{from, to}(random_); }
  bool chance(int percent) { return pick(1, 100) <= percent; }

  void move() {
    now_ += std::chrono::milliseconds{pick(0, 100)};
    if (trouble_ && chance(20))
      submit();
    if (trouble_ && chance(2))
      revoke();
    if (asked_ && chance(30))
      resume();
    auto producer = static_cast<size_t>(pick(0, static_cast<int>(broker_.size()) - 1));
    if (busy_[producer])
      finish(producer);
    else
      begin(producer);
    listen();
  }

  // -- the owner -------------------------------------------------------------------------------

  void submit() {
    auto id = plan_.submit(epoch_);
    if (id == 0) {
      REQUIRE((over_ || epoch_ <= aborted_epoch_));
      return;
    }
    REQUIRE(id == submitted_.size() + 1);
    submitted_.push_back(epoch_);
  }

  void revoke() {
    aborted_epoch_ = epoch_;
    plan_.abort_all(epoch_);
    if (chance(70))
      ++epoch_;
  }

  void resume() {
    if (epoch_ <= aborted_epoch_)
      epoch_ = aborted_epoch_ + 1;
    std::vector<number> drop;
    for (number id = 1; id <= submitted_.size(); ++id)
      if (!ended(id) && chance(10))
        drop.push_back(id);
    REQUIRE(plan_.resume(epoch_, drop));
    dropped_.insert(drop.begin(), drop.end());
    for (auto& each : submitted_)
      each = std::max(each, epoch_);
    asked_ = false;
  }

  void listen() {
    while (auto news = plan_.take_news()) {
      switch (news->what) {
        case kind::acknowledged:
          break;
        case kind::committed:
          told_.push_back(news->transaction);
          break;
        case kind::aborted:
          asked_ = true;
          REQUIRE(std::none_of(broker_.begin(), broker_.end(),
                               [](const pending& x) { return x.offsets && !x.left; }));
          REQUIRE(news->transaction == oldest());
          break;
        case kind::ended:
          over_ = true;
      }
    }
  }

  bool ended(number id) const {
    return dropped_.contains(id) || std::find(told_.begin(), told_.end(), id) != told_.end();
  }

  number oldest() const {
    number id = 1;
    while (ended(id))
      ++id;
    return id;
  }

  // -- the producers ---------------------------------------------------------------------------

  void begin(size_t producer) {
    auto task = plan_.next(producer, now_);
    if (!task)
      return;
    REQUIRE(!plan_.next(producer, now_));
    busy_[producer] = task;
    auto fresh = task->what != step::commit || !broker_[producer].ending;
    if (task->what == step::hand_over || task->what == step::send_offsets
        || (task->what == step::commit && fresh))
      REQUIRE(submitted_[task->transaction - 1] > aborted_epoch_);
    check_order(producer, *task);
  }

  void check_order(size_t producer, const transaction_plan::task& task) {
    auto id = task.transaction;
    for (number before = 1; before < id; ++before) {
      if (ended(before))
        continue;
      auto at = std::find_if(broker_.begin(), broker_.end(), [before](const pending& x) {
        return x.transaction == before && !x.left;
      });
      if (task.what == step::hand_over)
        REQUIRE((at != broker_.end() && at->acknowledged));
      if (task.what == step::send_offsets)
        REQUIRE((at != broker_.end() && at->offsets));
      REQUIRE(task.what != step::commit);
      REQUIRE(task.what != step::settle);
    }
    if (task.what == step::settle)
      for (size_t other = 0; other < broker_.size(); ++other)
        REQUIRE((other == producer || !broker_[other].offsets || broker_[other].left));
  }

  void finish(size_t producer) {
    auto task = *busy_[producer];
    busy_[producer].reset();
    plan_.ended(producer, outcome_of(producer, task), now_);
  }

  outcome outcome_of(size_t producer, const transaction_plan::task& task) {
    auto& at = broker_[producer];
    auto trouble = trouble_ && chance(15);
    if (trouble && chance(1) && task.what != step::settle) {
      decide(at, chance(50));
      return outcome::ends;
    }
    switch (task.what) {
      case step::open:
        if (trouble)
          return outcome::again;
        decide(at, chance(50));
        return outcome::done;
      case step::hand_over:
        REQUIRE((at.transaction == 0 || at.transaction == task.transaction));
        REQUIRE(!at.left);
        at.transaction = task.transaction;
        if (trouble)
          return failure(at);
        at.acknowledged = true;
        return outcome::done;
      case step::send_offsets:
        at.offsets = !trouble || chance(50);
        return trouble ? failure(at) : outcome::done;
      case step::commit:
        at.ending = true;
        if (trouble)
          return failure(at);
        decide(at, true);
        return outcome::done;
      case step::abort:
        at.left = trouble; // tried again too often, it is given up
        if (trouble)
          return failure(at);
        decide(at, false);
        return outcome::done;
      case step::settle:
        if (trouble)
          return outcome::again;
        decide(at, chance(50));
        return std::find(log_.begin(), log_.end(), task.transaction) == log_.end() ? outcome::absent
                                                                                   : outcome::done;
    }
    return outcome::again;
  }

  outcome failure(pending& at) {
    switch (pick(0, 3)) {
      case 0:
        return outcome::again;
      case 1:
        // A commit the client calls failed may have reached the broker.
        return outcome::aborts;
      case 2:
        at.left = true;
        return outcome::breaks;
      default:
        decide(at, chance(50));
        return outcome::expires;
    }
  }

  /// The transaction ends: committed, when a commit may have reached the broker.
  void decide(pending& at, bool commits) {
    if (at.transaction != 0 && at.ending && commits)
      log_.push_back(at.transaction);
    at = {};
  }

  void check_end() {
    REQUIRE(std::is_sorted(log_.begin(), log_.end()));
    REQUIRE(std::adjacent_find(log_.begin(), log_.end()) == log_.end());
    for (auto id : log_)
      REQUIRE(!dropped_.contains(id));
    if (over_) {
      REQUIRE(told_.size() <= log_.size());
      REQUIRE(log_.size() <= told_.size() + 1); // one whose outcome nobody learnt
      REQUIRE(std::equal(told_.begin(), told_.end(), log_.begin()));
      return;
    }
    REQUIRE(told_ == log_);
    REQUIRE(log_.size() + dropped_.size() == submitted_.size());
  }

  std::mt19937_64 random_;
  transaction_plan plan_;
  transaction_plan::time_point now_{};
  std::vector<pending> broker_;
  std::vector<std::optional<transaction_plan::task>> busy_;
  std::vector<uint64_t> submitted_; ///< their epochs
  std::set<number> dropped_;
  std::vector<number> told_; ///< that they are committed
  std::vector<number> log_;  ///< what the broker committed
  uint64_t epoch_ = 1;
  uint64_t aborted_epoch_ = 0;
  bool asked_ = false;
  bool over_ = false;
  bool trouble_ = true;
};

} // namespace

TEST_CASE("I2 I7: whatever fails, transactions commit once, in order, and none is lost") {
  for (auto seed : keyloom::test::seeds()) {
    INFO(replay(seed));
    std::mt19937_64 random{seed};
    for (int i = 0; i < 500; ++i) {
      INFO("run " << i);
      run{random(), static_cast<size_t>(1 + i % 3)}.play();
    }
  }
}
