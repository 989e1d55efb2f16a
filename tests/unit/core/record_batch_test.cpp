#include "tests/fakes/batches.hpp"

#include <catch2/catch.hpp>

using namespace keyloom;

TEST_CASE("a batch keeps keys and values after their source is gone") {
  auto batch = caf::make_counted<core::record_batch>("topic", 3);
  for (int i = 0; i < 2000; ++i) {
    auto number = std::to_string(i);
    batch->add("key" + number, std::string(static_cast<size_t>(i % 50), 'v') + number, i, 100 + i);
  }
  REQUIRE(batch->records().size() == 2000);
  for (int i = 0; i < 2000; ++i) {
    auto& rec = batch->records()[static_cast<size_t>(i)];
    auto number = std::to_string(i);
    REQUIRE(rec.key == "key" + number);
    REQUIRE(rec.value == std::string(static_cast<size_t>(i % 50), 'v') + number);
    REQUIRE(rec.offset == i);
    REQUIRE(rec.timestamp_ms == 100 + i);
  }
}

TEST_CASE("a null key and an empty key are told apart, and so are values") {
  auto batch = caf::make_counted<core::record_batch>("topic", 0);
  batch->add({}, "", 1, 0);
  batch->add("", {}, 2, 0);
  auto& null_key = batch->records()[0];
  auto& null_value = batch->records()[1];
  CHECK_FALSE(null_key.has_key());
  CHECK(null_key.has_value());
  CHECK(null_key.key_hash == 0);
  CHECK(null_value.has_key());
  CHECK(null_value.key.empty());
  CHECK_FALSE(null_value.has_value());
}

TEST_CASE("headers are read back in order, whatever was added between and beyond a chunk") {
  auto batch = caf::make_counted<core::record_batch>("topic", 0);
  auto room = GENERATE(size_t{0}, size_t{64}, size_t{100'000});
  batch->reserve(2, room);
  std::string big(3000, 'x');
  batch->add("a", "1", 0, 0);
  batch->add_header("type", "leg");
  batch->add_header("null", {});
  batch->add_header("big", big);
  batch->add_header("big2", big);
  batch->add("b", "2", 1, 0);
  batch->add_header("empty", "");
  auto rest = batch->records()[0].headers;
  auto next = [&rest] {
    auto header = rest.take();
    REQUIRE(header.has_value());
    return *header;
  };
  CHECK(next().value == "leg");
  auto null = next();
  CHECK(null.name == "null");
  CHECK_FALSE(null.value.has_value());
  CHECK(next().value == big);
  CHECK(next().name == "big2");
  CHECK_FALSE(rest.take().has_value());
  CHECK(batch->records()[0].type() == "leg");
  CHECK_FALSE(batch->records()[1].type().has_value());
  CHECK(batch->records()[1].headers.find("empty") == "");
}

TEST_CASE("the last of several headers of one name counts") {
  auto batch = caf::make_counted<core::record_batch>("topic", 0);
  batch->add("a", "1", 0, 0);
  batch->add_header("type", "old");
  batch->add_header("type", "new");
  CHECK(batch->records()[0].type() == "new");
}

TEST_CASE("the position behind a batch is one past its last record, or where the poller says") {
  auto batch = fakes::make_batch({5, 9});
  CHECK(batch->next_offset() == 10);
  batch->set_next_offset(12);
  CHECK(batch->next_offset() == 12);
}

TEST_CASE("a batch counts the bytes of its records") {
  auto batch = caf::make_counted<core::record_batch>("topic", 0);
  batch->add(std::string(10, 'k'), std::string(100, 'v'), 0, 0);
  CHECK(batch->bytes() >= 110 + sizeof(record));
  CHECK(batch->bytes() < 120 + sizeof(record));
}
