#include "runtime/core/sealed_text.hpp"

#include <catch2/catch.hpp>

using namespace keyloom::core;

TEST_CASE("bytes come out of a sealed text as they went in") {
  for (size_t size = 0; size < 300; ++size) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i)
      bytes += static_cast<char>(i * 37 + size);
    auto text = seal(bytes, 42);
    CHECK(unseal(text, 42) == bytes);
    CHECK(sealed_room(text.size()) == size);
    CHECK(sealed_room(text.size() - 1) < size + (size == 0 ? 1 : 0));
  }
}

TEST_CASE("a sealed text is printable, and nothing in it needs quoting") {
  std::string bytes;
  for (auto i = 0; i < 256; ++i)
    bytes += static_cast<char>(i);
  auto text = seal(bytes, -1);
  CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        == std::string::npos);
}

TEST_CASE("a sealed text belongs to one number") {
  auto text = seal("bytes", 42);
  CHECK_FALSE(unseal(text, 43).has_value());
  CHECK_FALSE(unseal(text, -42).has_value());
}

TEST_CASE("any change of a sealed text shows") {
  auto text = seal("some bytes", 42);
  for (size_t i = 0; i < text.size(); ++i)
    for (auto other = 0; other < 256; ++other) {
      auto changed = text;
      changed[i] = static_cast<char>(other);
      INFO("character " << i << " is " << other);
      CHECK(unseal(changed, 42).has_value() == (changed == text));
    }
  for (size_t size = 0; size < text.size(); ++size)
    CHECK_FALSE(unseal(text.substr(0, size), 42).has_value());
  CHECK_FALSE(unseal(text + "A", 42).has_value());
  CHECK_FALSE(unseal("", 42).has_value());
}
