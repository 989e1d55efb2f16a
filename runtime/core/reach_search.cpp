// How out_runs finds the largest part that a map can name. The places are runs that are out and
// records that may leave, in their order, each linked to the places before and behind it. The
// records are unlinked, the highest reach first, and linked again in the reverse order, which finds
// the neighbours of each without a search; meanwhile the map's size is kept up to date, and the
// last reach at which it fits is the answer. Linear, apart from sorting.
#include "runtime/core/held_event.hpp"
#include "runtime/core/out_runs.hpp"

#include <algorithm>

namespace keyloom::core {

class out_runs::reach_search {
public:
  reach_search(const out_runs& all, std::span<const leaving> records) : all_(all) {
    fill(records);
    for (uint32_t i = 0; i < places_.size(); ++i) {
      places_[i].before = i - 1;
      places_[i].behind = i + 1;
    }
    if (!std::is_sorted(order_.begin(), order_.end()))
      std::sort(order_.begin(), order_.end());
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      if (it->place != nowhere)
        unlink(it->place);
    for (uint32_t i = first; i != last(); i = places_[i].behind)
      link_to_neighbours(i);
    for (auto i = places_[first].behind; i != last(); i = behind_run(i))
      bytes_ += cost(i);
  }

  std::optional<uint64_t> best() {
    std::optional<uint64_t> result;
    for (size_t i = 0; i < order_.size(); ++i) {
      if (order_[i].place != nowhere)
        add(order_[i].place);
      if ((i + 1 == order_.size() || order_[i + 1].reach != order_[i].reach) && fits())
        result = order_[i].reach;
    }
    return result;
  }

private:
  static constexpr uint32_t nowhere = UINT32_MAX;
  static constexpr uint32_t first = 0; // what lies below the lowest record that is not out

  struct place {
    run what;
    bool inherited = false;
    uint32_t before = 0; // linked places
    uint32_t behind = 0;
    uint32_t other = 0; // of a run's first place: its last one, and the other way round
  };

  struct step {
    uint64_t reach;
    uint32_t place;
    bool operator<(const step& other) const {
      return reach != other.reach ? reach < other.reach : place < other.place;
    }
  };

  void fill(std::span<const leaving> records) {
    auto lowest = all_.lowest_;
    auto below = all_.committed(all_.lowest_offset_);
    places_.push_back({{0, lowest - 1, below, below, all_.lowest_offset_}});
    auto mine = all_.runs_.begin();
    for (auto& each : records) {
      if (each.record == held_event::no_record) {
        order_.push_back({each.reach, nowhere});
        continue;
      }
      for (; mine != all_.runs_.end() && mine->first < each.record; ++mine)
        places_.push_back({*mine});
      order_.push_back({each.reach, static_cast<uint32_t>(places_.size())});
      places_.push_back({all_.run_of(each)});
    }
    for (; mine != all_.runs_.end(); ++mine)
      places_.push_back({*mine});
    for (auto i = all_.inherited_from_; i < all_.inherited_.size(); ++i) {
      auto& each = all_.inherited_[i];
      places_.push_back({{0, 0, each.begin, each.end, -1}, true});
    }
    places_.push_back({}); // the end
  }

  uint32_t last() const { return static_cast<uint32_t>(places_.size() - 1); }

  /// Whether these neighbours are of one run. What is inherited stays a run of its own here,
  /// because the run below never swallows it.
  bool joined(uint32_t left, uint32_t right) const {
    auto& a = places_[left];
    auto& b = places_[right];
    return right != last() && !a.inherited && !b.inherited && a.what.last + 1 == b.what.first;
  }

  /// Whether a map names this place, which is inherited, in one with the run before it.
  bool continues(uint32_t at) const {
    auto before = places_[at].before;
    return places_[at].inherited && !places_[before].inherited && !is_below(before)
           && all_.touches_inherited(places_[before].what.last);
  }

  /// Whether the place is of the run below the lowest record that is not out.
  bool is_below(uint32_t at) const { return at == first || at == places_[first].other; }

  /// Builds runs from the first place on.
  void link_to_neighbours(uint32_t at) {
    if (at == first || !joined(places_[at].before, at)) {
      places_[at].other = at;
      return;
    }
    auto begin = places_[places_[at].before].other;
    places_[begin].other = at;
    places_[at].other = begin;
  }

  void unlink(uint32_t at) {
    places_[places_[at].before].behind = places_[at].behind;
    places_[places_[at].behind].before = places_[at].before;
  }

  uint32_t behind_run(uint32_t begin) const { return places_[places_[begin].other].behind; }

  /// The offset that is committed while the run below has its present end.
  int64_t committed() const { return all_.committed(places_[places_[first].other].what.after); }

  /// Bytes of the run that begins at this place; none for the one below and for the end.
  size_t cost(uint32_t begin) const {
    if (begin == first || begin == last() || continues(begin))
      return 0;
    auto before = places_[begin].before;
    auto from = is_below(before) ? committed() : places_[before].what.end;
    auto end = places_[begin].other;
    auto behind = places_[end].behind;
    auto to = behind != last() && continues(behind) ? behind : end;
    return run_bytes(places_[begin].what.begin - from,
                     places_[to].what.end - places_[begin].what.begin);
  }

  void add(uint32_t at) {
    auto before = places_[at].before;
    auto behind = places_[at].behind;
    // Runs whose cost may change: the one before, the one behind, and the one behind that, which
    // counts from the offset committed when the run below swallows what is before it.
    auto begin = before == first ? first : places_[before].other;
    auto end = begin; // the first run that stays as it is
    for (auto runs = 0; runs < 3 && end != last(); ++runs) {
      bytes_ -= cost(end);
      end = behind_run(end);
    }
    places_[before].behind = at;
    places_[behind].before = at;
    link_to_neighbours(at);
    if (joined(at, behind)) {
      auto left = places_[at].other;
      auto right = places_[behind].other;
      places_[left].other = right;
      places_[right].other = left;
    }
    for (auto each = begin; each != end; each = behind_run(each))
      bytes_ += cost(each);
  }

  bool fits() const {
    if (bytes_ <= all_.room_)
      return true;
    auto span = places_[places_[last()].before].what.end - committed();
    return bitmap_bytes(span) <= all_.room_;
  }

  const out_runs& all_;
  std::vector<place> places_;
  std::vector<step> order_;
  size_t bytes_ = 0;
};

std::optional<uint64_t> out_runs::best_reach(std::span<const leaving> records) const {
  return reach_search{*this, records}.best();
}

} // namespace keyloom::core
