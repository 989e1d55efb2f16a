// Asynchronous I/O: a thousand HTTP calls in flight on one thread, in order for each aircraft.
//
// Each leg is entered into the logbook of its aircraft, which a web service keeps. The call is a
// coroutine of Boost.Asio: while it waits for the network it costs a little memory and no thread.
// The calls of an aircraft still come one after the other: the service numbers an aircraft's
// entries, and the finalizer, back in the partition, sees 1, 2, 3 ... for each of them.
//
//   examples/run.sh 09_async_io                runs it with a month of flights, on an embedded
//   broker, against a service that it starts itself; LOGBOOK=HOST:PORT (an IP) names another one
//
// When to choose it: the work is waiting for others, with a library that can wait for many at once
// (HTTP, Redis, gRPC, ...). With a library that blocks choose blocking(f): a thread a call is fine
// for some hundreds. Without coroutines async(f) does the same with a callback.
#include "09_logbook_service.hpp"

#include <keyloom/asio.hpp>
#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

#include <sys/resource.h>

#include <iostream>
#include <optional>
#include <unordered_map>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

struct leg {
  std::string tailnum; // empty: nobody noted which aircraft flew it
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, tailnum)

// The service's client; keeps its connections for the next calls. Used by the I/O thread only.
class logbook {
public:
  explicit logbook(tcp::endpoint service) : service_(std::move(service)) {}

  asio::awaitable<int> enter(std::string tail) {
    auto connection = co_await connect();
    http::request<http::empty_body> ask{http::verb::post, "/" + tail, 11};
    ask.set(http::field::host, "logbook");
    co_await http::async_write(*connection, ask, asio::use_awaitable);
    beast::flat_buffer buffer;
    http::response<http::string_body> answer;
    co_await http::async_read(*connection, buffer, answer, asio::use_awaitable);
    idle_.push_back(std::move(connection)); // not reached when the connection failed
    co_return std::stoi(answer.body());
  }

private:
  asio::awaitable<std::unique_ptr<tcp::socket>> connect() {
    if (!idle_.empty()) {
      auto result = std::move(idle_.back());
      idle_.pop_back();
      co_return result;
    }
    auto result = std::make_unique<tcp::socket>(co_await asio::this_coro::executor);
    co_await result->async_connect(service_, asio::use_awaitable);
    co_return result;
  }

  tcp::endpoint service_;
  std::vector<std::unique_ptr<tcp::socket>> idle_;
};

// The store: how many entries each aircraft's logbook has.
struct entries {
  std::unordered_map<std::string, int> of;
  void apply(const std::string& tail) { ++of[tail]; }
};

int run(caf::actor_system& system) {
  using keyloom::context;
  std::optional<logbook_service> local;
  auto address = [&]() -> tcp::endpoint {
    if (const char* named = std::getenv("LOGBOOK")) {
      std::string text = named;
      auto colon = text.rfind(':');
      return {asio::ip::make_address(text.substr(0, colon)),
              static_cast<uint16_t>(std::stoi(text.substr(colon + 1)))};
    }
    return local.emplace().address();
  }();

  asio::io_context io{1};
  auto stays = asio::make_work_guard(io);
  std::thread io_thread{[&] { io.run(); }};
  logbook book{address};
  std::atomic<int> legs = 0, out_of_order = 0;

  keyloom::event_source<entries> source{system, {.group = "logbooks", .topic = "legs"}, [] {
                                          return entries{};
                                        }};
  auto enter = source.stage<leg, int>(
    "enter", keyloom::asio(io, [&](std::string tail, leg&) { return book.enter(tail); }),
    [&](context<entries>& ctx, std::string_view key, leg&, caf::expected<int> number) {
      if (!number)
        return keyloom::outcome{number.error()};
      std::string tail{key};
      ctx.record_change(tail);
      ++legs;
      out_of_order += *number != ctx.store().of.at(tail) ? 1 : 0;
      return keyloom::complete;
    },
    {.limits = {.concurrency = 1000}, .timeout = std::chrono::seconds{10}});
  source.on<leg>("legs-2013-01", keyloom::json<leg>{}, [=](context<entries>& ctx, leg flown) {
    return flown.tailnum.empty() ? keyloom::complete : enter.schedule(ctx, flown.tailnum, flown);
  });

  auto code = source.run(); // until a signal
  stays.reset();
  io.stop();
  io_thread.join();
  std::cout << legs << " legs entered, " << out_of_order << " out of order";
  if (local)
    std::cout << ", up to " << local->most_at_once() << " calls at once";
  std::cout << "\n";
  return code;
}

int main(int argc, char** argv) {
  rlimit files{}; // a connection a call
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return keyloom::exec_main(argc, argv, run);
}
