#include "runtime/core/dependency_graph.hpp"
#include "runtime/core/event.hpp"
#include "tests/fakes/seeds.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace keyloom;
using core::held_event;

namespace {

/// Events named by small numbers, which are their sequences.
class plain_graph {
public:
  void make(std::initializer_list<uint64_t> names) {
    for (auto name : names)
      events_[name] = &graph.make(name, owner_);
  }

  held_event& operator[](uint64_t name) { return *events_[name]; }
  void need(uint64_t from, uint64_t to) { graph.need(*events_[from], events_[to]->ref()); }
  void complete(uint64_t name) { graph.complete(*events_[name]); }

  std::set<uint64_t> loose() {
    std::set<uint64_t> result;
    for (auto* ev : graph.loose())
      result.insert(ev->sequence);
    return result;
  }

  core::dependency_graph graph;

private:
  core::event owner_;
  std::map<uint64_t, held_event*> events_;
};

using names = std::set<uint64_t>;

} // namespace

TEST_CASE("an event that needs nothing is loose once it is complete") {
  plain_graph g;
  g.make({1, 2});
  g.complete(2);
  CHECK(g.loose() == names{2});
  CHECK(g[2].reach == 2);
  CHECK(g.graph.holder(g[2]) == nullptr);
  CHECK(g.graph.holder(g[1]) == &g[1]);
}

TEST_CASE("a complete event is tied to the open one it reaches, over whatever path") {
  plain_graph g;
  g.make({1, 2, 3});
  g.need(3, 2);
  g.need(2, 1);
  g.complete(3);
  CHECK(g.graph.holder(g[3]) == &g[2]);
  g.complete(2);
  CHECK(g.loose().empty());
  CHECK(g.graph.holder(g[3]) == &g[1]);
  g.complete(1);
  CHECK(g.loose() == names{1, 2, 3});
}

TEST_CASE("events that need each other are loose together, when the last of them is complete") {
  plain_graph g;
  g.make({1, 2, 3});
  g.need(1, 2);
  g.need(2, 3);
  g.need(3, 1);
  g.complete(3);
  g.complete(1);
  CHECK(g.loose().empty());
  g.complete(2);
  CHECK(g.loose() == names{1, 2, 3});
  for (auto name : {1, 2, 3})
    CHECK(g[name].reach == 3);
}

TEST_CASE("an event that was tied to one that is loose now may be tied to another") {
  plain_graph g;
  g.make({1, 2, 3, 4});
  g.need(3, 1);
  g.need(3, 2);
  g.need(4, 3);
  g.complete(3);
  g.complete(4);
  g.complete(1);
  CHECK(g.loose() == names{1});
  CHECK(g.graph.holder(g[4]) == &g[2]);
  g.complete(2);
  CHECK(g.loose() == names{1, 2, 3, 4});
}

TEST_CASE("the reach of an event goes over what is loose, and not over what has left") {
  plain_graph g;
  g.make({1, 2, 9});
  g.need(1, 9);
  g.need(2, 1);
  g.complete(9);
  g.complete(1);
  CHECK(g[1].reach == 9);
  g.graph.leave(g[9]);
  g.graph.leave(g[1]);
  g.complete(2);
  CHECK(g[2].reach == 2);
}

TEST_CASE("a need of an event that has left counts for nothing, although its place is used again") {
  plain_graph g;
  g.make({1, 2});
  auto first = g[1].ref();
  g.complete(1);
  g.graph.leave(g[1]);
  g.make({3});
  REQUIRE(first.at == &g[3]);
  g.graph.need(g[2], first);
  g.complete(2);
  CHECK(g.loose().count(2) == 1);
}

TEST_CASE("a meeting point passes on what it needs, and goes with it") {
  plain_graph g;
  g.make({1, 2});
  auto& meeting = g.graph.make_meeting();
  g.graph.need(meeting, g[1].ref());
  g.graph.complete(meeting);
  g.graph.need(g[2], meeting.ref());
  g.complete(2);
  CHECK(g.graph.holder(g[2]) == &g[1]);
  g.complete(1);
  CHECK(g.loose() == names{1, 2});
  CHECK(g.graph.size() == 3);
  g.graph.leave(g[1]);
  g.graph.leave(g[2]);
  g.graph.left_up_to(2);
  CHECK(g.graph.size() == 0);
}

TEST_CASE("100,000 events in a chain become loose without a recursion") {
  core::event owner;
  core::dependency_graph graph;
  std::vector<held_event*> events;
  for (uint64_t i = 0; i < 100'000; ++i) {
    events.push_back(&graph.make(i + 1, owner));
    if (i > 0)
      graph.need(*events[i - 1], events[i]->ref());
  }
  for (auto* ev : events)
    graph.complete(*ev);
  CHECK(graph.loose().size() == events.size());
}

// -- random graphs against the definition
// ----------------------------------------------------------

namespace {

struct model_event {
  held_event* at = nullptr;
  bool meeting = false;
  bool complete = false;
  bool left = false;
  std::set<size_t> needs;
};

class random_graph {
public:
  explicit random_graph(uint64_t seed) : random_(seed) {}

  /// Empty, or what was wrong.
  std::string run() {
    auto density = 1 + pick(30);
    for (auto step = 0; step < 60; ++step) {
      auto what = pick(10);
      if (what < 3 || open_.empty())
        add();
      else if (what < 7)
        for (auto i = density; i > 0; i -= std::min<size_t>(i, 10))
          need(open_[pick(open_.size())], pick(events_.size()));
      else if (what < 9)
        complete(pick(open_.size()));
      else
        leave();
      if (auto problem = compare(); !problem.empty())
        return problem + " at step " + std::to_string(step);
    }
    return {};
  }

private:
  size_t pick(size_t below) { return random_() % below; }

  void add() {
    auto meeting = pick(8) == 0;
    model_event fresh;
    fresh.at = meeting ? &graph_.make_meeting() : &graph_.make(++last_, owner_);
    fresh.meeting = meeting;
    events_.push_back(fresh);
    refs_.push_back(fresh.at->ref());
    open_.push_back(events_.size() - 1);
    if (!meeting)
      return;
    for (auto i = pick(4); i > 0; --i)
      need(events_.size() - 1, pick(events_.size()));
    complete(open_.size() - 1);
  }

  void need(size_t from, size_t to) {
    graph_.need(*events_[from].at, refs_[to]);
    if (!events_[to].left)
      events_[from].needs.insert(to);
  }

  void complete(size_t place) {
    auto name = open_[place];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(place));
    events_[name].complete = true;
    graph_.complete(*events_[name].at);
  }

  /// Lets a whole set leave: what reaches no farther than some sequence.
  void leave() {
    auto bound = pick(2) == 0 ? last_ : pick(last_ + 1);
    std::erase_if(graph_.loose(), [&](held_event* ev) {
      if (ev->reach > bound)
        return false;
      graph_.leave(*ev);
      return true;
    });
    graph_.left_up_to(bound);
    for (size_t i = 0; i < events_.size(); ++i)
      events_[i].left = !refs_[i].alive();
  }

  bool bad(size_t name, uint64_t bound) const {
    auto& ev = events_[name];
    return !ev.left && (!ev.complete || (!ev.meeting && ev.at->sequence > bound));
  }

  /// The events of the greatest closed set among those up to `bound`, from its definition.
  std::set<size_t> closed(uint64_t bound) const {
    std::set<size_t> out;
    for (size_t i = 0; i < events_.size(); ++i)
      if (bad(i, bound))
        out.insert(i);
    for (auto more = true; more;) {
      more = false;
      for (size_t i = 0; i < events_.size(); ++i)
        if (!events_[i].left && out.count(i) == 0)
          for (auto to : events_[i].needs)
            if (!events_[to].left && out.count(to) != 0)
              more = out.insert(i).second || more;
    }
    std::set<size_t> result;
    for (size_t i = 0; i < events_.size(); ++i)
      if (!events_[i].left && !events_[i].meeting && out.count(i) == 0)
        result.insert(i);
    return result;
  }

  std::string compare() {
    std::set<held_event*> loose{graph_.loose().begin(), graph_.loose().end()};
    for (uint64_t bound : {last_, pick(last_ + 1)}) {
      auto expected = closed(bound);
      for (size_t i = 0; i < events_.size(); ++i) {
        auto& ev = events_[i];
        if (ev.left || ev.meeting)
          continue;
        auto has = loose.count(ev.at) != 0 && ev.at->reach <= bound;
        if (has != (expected.count(i) != 0))
          return "event " + std::to_string(i) + (has ? " is" : " is not") + " in the set up to "
                 + std::to_string(bound);
        auto* holder = core::dependency_graph::holder(*ev.at);
        if (bound == last_ && (holder == nullptr) != has)
          return "the holder of " + std::to_string(i);
        if (holder != nullptr && holder->state != held_event::standing::open)
          return "the holder of " + std::to_string(i) + " is not open";
      }
    }
    return {};
  }

  std::mt19937_64 random_;
  core::event owner_;
  core::dependency_graph graph_;
  std::vector<model_event> events_;
  std::vector<core::held_ref> refs_;
  std::vector<size_t> open_;
  uint64_t last_ = 0;
};

} // namespace

TEST_CASE("in random graphs what is loose is the greatest closed set, also up to any event") {
  for (auto first : test::seeds())
    for (auto seed = first * 1000; seed < first * 1000 + 300; ++seed)
      if (auto problem = random_graph{seed}.run(); !problem.empty())
        FAIL(problem << ", graph " << seed << "; " << test::replay(first));
}
