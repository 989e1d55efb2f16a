#include "tools/verification.hpp"

#include "tools/record_identity.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace keyloom::tools {

namespace {

/// One key's records: what both topics hold of it, in the order of reading.
struct key_sequence {
  std::vector<uint64_t> expected;
  std::vector<uint64_t> seen;
};

// The common case: `expected` can be read out of `seen`, and everything else repeats what came
// before or is foreign. Touches nothing and answers false otherwise.
bool matches_in_order(const key_sequence& key, verification_result& result) {
  size_t next = 0;
  std::vector<uint64_t> others;
  std::unordered_set<uint64_t> before;
  size_t indexed = 0;
  for (auto value : key.seen) {
    if (next < key.expected.size() && key.expected[next] == value) {
      ++next;
      continue;
    }
    for (; indexed < next; ++indexed)
      before.insert(key.expected[indexed]);
    if (!before.contains(value))
      others.push_back(value);
  }
  if (next < key.expected.size())
    return false;
  if (!others.empty()) {
    before.insert(key.expected.begin() + static_cast<std::ptrdiff_t>(indexed), key.expected.end());
    auto came_early = [&before](uint64_t value) { return before.contains(value); };
    if (std::any_of(others.begin(), others.end(), came_early))
      return false;
  }
  result.seen += key.expected.size();
  result.foreign += others.size();
  result.duplicates += key.seen.size() - key.expected.size() - others.size();
  return true;
}

/// Where a value is in the input's sequence, and how many of these places the output has filled.
struct places {
  std::vector<size_t> positions;
  size_t filled = 0;
};

// Pairs the first, second, ... occurrence of a value in the output with that in the input.
void match_occurrences(const key_sequence& key, bool ordered, verification_result& result) {
  std::unordered_map<uint64_t, places> index;
  for (size_t i = 0; i < key.expected.size(); ++i)
    index[key.expected[i]].positions.push_back(i);
  size_t seen = 0;
  size_t furthest = 0; // one past the furthest position seen
  for (auto value : key.seen) {
    auto found = index.find(value);
    if (found == index.end()) {
      ++result.foreign;
      continue;
    }
    auto& [positions, filled] = found->second;
    if (filled == positions.size()) {
      ++result.duplicates;
      continue;
    }
    auto position = positions[filled++];
    ++seen;
    if (ordered && position < furthest)
      ++result.out_of_order;
    furthest = std::max(furthest, position + 1);
  }
  result.seen += seen;
  result.lost += key.expected.size() - seen;
}

} // namespace

void verification::reading::add(std::string_view key, std::string_view value) {
  if (key.data() == nullptr)
    keyless.push_back(fingerprint_of(value));
  else
    keyed.push_back({fingerprint_of_key(key), fingerprint_of(value)});
}

void verification::add_expected(std::string_view key, std::string_view value) {
  expected_.add(key, value);
}

void verification::add_seen(std::string_view key, std::string_view value) {
  seen_.add(key, value);
}

verification_result verification::finish() {
  auto by_key = [](const entry& x, const entry& y) { return x.key < y.key; };
  std::stable_sort(expected_.keyed.begin(), expected_.keyed.end(), by_key);
  std::stable_sort(seen_.keyed.begin(), seen_.keyed.end(), by_key);
  verification_result result;
  result.expected = expected_.keyed.size() + expected_.keyless.size();
  auto take = [](auto& pos, auto end, uint64_t key, std::vector<uint64_t>& into) {
    into.clear();
    for (; pos != end && pos->key == key; ++pos)
      into.push_back(pos->value);
  };
  key_sequence one;
  auto left = expected_.keyed.cbegin();
  auto right = seen_.keyed.cbegin();
  while (left != expected_.keyed.cend() || right != seen_.keyed.cend()) {
    auto use_left = right == seen_.keyed.cend()
                    || (left != expected_.keyed.cend() && left->key <= right->key);
    auto key = use_left ? left->key : right->key;
    take(left, expected_.keyed.cend(), key, one.expected);
    take(right, seen_.keyed.cend(), key, one.seen);
    if (!matches_in_order(one, result))
      match_occurrences(one, true, result);
  }
  match_occurrences({std::move(expected_.keyless), std::move(seen_.keyless)}, false, result);
  return result;
}

} // namespace keyloom::tools
