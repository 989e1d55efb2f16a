#include "runtime/http/server.hpp"
#include "tests/fakes/http_client.hpp"

#include <keyloom/errc.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

using namespace keyloom;
using namespace keyloom::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

std::unique_ptr<http::server> new_server() {
  auto made = http::server::make("127.0.0.1", 0);
  REQUIRE(made);
  return std::move(*made);
}

size_t threads() {
  auto all = std::filesystem::directory_iterator{"/proc/self/task"};
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

} // namespace

TEST_CASE("an HTTP server answers what its functions say, and 404 elsewhere") {
  auto server = new_server();
  server->get("/fine", [] { return http::answer{.body = "yes"}; });
  server->get("/ill", [] { return http::answer{.status = 503, .body = "no"}; });
  server->start();
  auto fine = http_get(server->port(), "/fine");
  CHECK(fine.status == 200);
  CHECK(fine.body == "yes");
  CHECK(http_get(server->port(), "/ill").status == 503);
  CHECK(http_get(server->port(), "/other").status == 404);
}

TEST_CASE("a port that is taken is an error that names it and what to do") {
  auto server = new_server();
  auto second = http::server::make("127.0.0.1", server->port());
  REQUIRE_FALSE(second);
  CHECK(second.error() == errc::bad_config);
  CHECK_THAT(describe(second.error()), Contains("127.0.0.1:" + std::to_string(server->port()))
                                         && Contains("is taken")
                                         && Contains("give another http.port"));
}

TEST_CASE("an address that this machine does not have is an error that says so") {
  auto made = http::server::make("192.0.2.1", 0); // for documentation only, by RFC 5737
  REQUIRE_FALSE(made);
  CHECK_THAT(describe(made.error()), Contains("192.0.2.1") && Contains("http.address"));
}

TEST_CASE("32 pages that stay open keep no other request waiting") {
  auto server = new_server();
  server->stream(
    "/events", [] { return std::string{"now"}; }, 20ms);
  server->get("/livez", [] { return http::answer{.body = "alive"}; });
  server->start();
  std::vector<std::unique_ptr<http_page>> pages;
  for (auto i = 0; i < 32; ++i) {
    pages.push_back(std::make_unique<http_page>(server->port(), "/events"));
    REQUIRE(pages.back()->next_event() == "now");
  }
  CHECK(http_get(server->port(), "/livez").body == "alive");
  for (auto& each : pages)
    CHECK(each->next_event() == "now");
}

TEST_CASE("pages beyond the limit get 503, and a place when another has closed") {
  auto server = new_server();
  server->stream(
    "/events", [] { return std::string{"now"}; }, 5ms);
  server->start();
  std::vector<std::unique_ptr<http_page>> pages;
  for (size_t i = 0; i < http::server::max_streams; ++i) {
    pages.push_back(std::make_unique<http_page>(server->port(), "/events"));
    REQUIRE(pages.back()->status() == 200);
  }
  CHECK(http_get(server->port(), "/events").status == 503);
  pages.pop_back();
  auto deadline = std::chrono::steady_clock::now() + 10s;
  auto status = 503;
  while (status == 503 && std::chrono::steady_clock::now() < deadline)
    status = http_page{server->port(), "/events"}.status();
  CHECK(status == 200);
}

TEST_CASE("what only this machine is meant to see is not told under a name of somewhere else") {
  auto server = new_server();
  server->get("/state", [] { return http::answer{.body = "keys"}; });
  server->start();
  auto status = [&](const std::string& host) {
    return http_page{server->port(), "/state", host}.status();
  };
  for (auto* meant : {"localhost", "localhost:9090", "127.0.0.1:9090", "[::1]:9090", "10.0.0.7"})
    CHECK(status(meant) == 200);
  for (auto* other : {"rebound.example", "rebound.example:9090", "127.0.0.1.example"})
    CHECK(status(other) == 403);
}

TEST_CASE("all pages get the same events, and none is made while no page is open") {
  std::atomic<int> made = 0;
  auto server = new_server();
  server->stream(
    "/events", [&made] { return std::to_string(++made); }, 300ms);
  server->start();
  CHECK(made == 0);
  http_page first{server->port(), "/events"};
  auto seen = first.next_event();
  CHECK(std::stoi(seen) >= 1);
  CHECK(std::stoi(first.next_event()) == std::stoi(seen) + 1);
  CHECK(made <= std::stoi(seen) + 2);
}

TEST_CASE("I9: a server that is stopped ends its pages, its port and its threads") {
  auto before = threads();
  auto server = new_server();
  auto port = server->port();
  server->stream(
    "/events", [] { return std::string{"now"}; }, 1h);
  server->start();
  http_page open{port, "/events"};
  REQUIRE(open.next_event() == "now");
  http_page silent{port, "/events"};
  server->stop();
  CHECK(open.next_event().empty());
  CHECK(http_get(port, "/events").status == 0);
  server = nullptr;
  for (int i = 0; threads() > before && i < 1000; ++i) // an entry of a thread may go a moment later
    std::this_thread::sleep_for(1ms);
  CHECK(threads() == before);
}
