// Stores of users' own: what the adapter recognises.
#include <keyloom/detail/store_port.hpp>
#include <keyloom/store/hash_map_store.hpp>

#include <catch2/catch.hpp>

#include <map>

using namespace keyloom;
using detail::store_adapter;

namespace {

/// No more than must be.
struct bare_store {
  std::map<std::string, std::string> entries;

  void apply(const change& what) {
    if (what.value)
      entries[std::string{what.key}] = *what.value;
    else
      entries.erase(std::string{what.key});
  }
};

struct full_store : bare_store {
  static constexpr keyloom::store_scope store_scope = keyloom::store_scope::record_key;

  std::vector<std::string> calls;

  void begin_restore() { calls.push_back("begin_restore"); }
  void restored() { calls.push_back("restored"); }
  size_t size() const { return entries.size(); }
  uint64_t digest() const { return 42; }
};

struct failing_store {
  caf::error apply(const change& what) {
    if (what.key == "thrown")
      throw std::runtime_error("no such key");
    if (what.key == "strange")
      throw 1;
    return what.key == "returned" ? caf::make_error(errc::decode_failed, "as it says")
                                  : caf::error{};
  }
  caf::error restored() { return caf::make_error(errc::wrong_state, "entries are missing"); }
};

struct no_store_at_all {
  void apply(int) {}
};

static_assert(restorable_store<bare_store>);
static_assert(!restorable_store<no_store_at_all>);
static_assert(!undoing_store<full_store>);
static_assert(noting_store<hash_map_store<std::string, std::string>>);
static_assert(scope_of<bare_store>() == store_scope::partition);
static_assert(scope_of<full_store>() == store_scope::record_key);
static_assert(scope_of<hash_map_store<std::string, std::string>>() == store_scope::tracked);

} // namespace

TEST_CASE("a class with apply(change) is a store") {
  auto owned = std::make_unique<bare_store>();
  auto& mine = *owned;
  store_adapter<bare_store> port{std::move(owned)};
  CHECK(port.object() == &mine);
  CHECK(port.scope() == store_scope::partition);
  CHECK(!port.begin_restore());
  CHECK(!port.apply({"a", "1"}));
  CHECK(!port.apply({"b", "1"}));
  CHECK(!port.apply({"b", std::nullopt}));
  CHECK(!port.restored());
  CHECK(mine.entries == std::map<std::string, std::string>{{"a", "1"}});
  CHECK(!port.size());
  CHECK(!port.digest());
  port.begin_turn();
  CHECK(port.reads() == nullptr);
  CHECK(!port.undo_turn());
  port.end_turn();
}

TEST_CASE("what a store has besides is recognised") {
  auto owned = std::make_unique<full_store>();
  auto& mine = *owned;
  store_adapter<full_store> port{std::move(owned)};
  CHECK(port.scope() == store_scope::record_key);
  CHECK(!port.begin_restore());
  CHECK(!port.apply({"a", "1"}));
  CHECK(!port.restored());
  CHECK(mine.calls == std::vector<std::string>{"begin_restore", "restored"});
  CHECK(port.size() == 1);
  CHECK(port.digest() == 42);
}

TEST_CASE("what a store returns or throws is an error that says so") {
  store_adapter<failing_store> port{std::make_unique<failing_store>()};
  CHECK(!port.apply({"a", "1"}));
  CHECK(port.apply({"returned", "1"}) == errc::decode_failed);
  CHECK(describe(port.apply({"thrown", "1"})) == "the store's apply() threw: no such key");
  CHECK(port.apply({"strange", "1"}) == errc::store_damaged);
  CHECK(port.restored() == errc::wrong_state);
}
