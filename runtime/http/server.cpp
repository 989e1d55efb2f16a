#include "runtime/http/server.hpp"

#include "runtime/http/event_stream.hpp"
#include "runtime/http/growing_pool.hpp"
#include "runtime/http/loopback.hpp"

#include <keyloom/errc.hpp>

#include <httplib.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>

namespace keyloom::http {

namespace {

/// Beside the streams.
constexpr size_t threads_for_answers = 16;

class task_queue final : public httplib::TaskQueue {
public:
  void enqueue(std::function<void()> what) override { pool_.call(std::move(what)); }
  void shutdown() override { pool_.stop(); }

private:
  growing_pool pool_{server::max_streams + threads_for_answers};
};

/// A page from anywhere can have its own name lead to this machine, and would then be let read what
/// only this machine is meant to (DNS rebinding). It cannot do that with an address, or with this
/// machine's own name for itself.
bool is_meant(const std::string& host) {
  auto name = std::string_view{host}.substr(0, host.rfind(':'));
  auto is_address = name.starts_with('[')
                    || name.find_first_not_of("0123456789.") == std::string_view::npos;
  return host.empty() || is_address || name == "localhost";
}

/// Without the library's own SO_REUSEPORT, which would let two processes have one port.
void reuse_address_only(int socket) {
  int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

caf::error cannot_listen(const std::string& address, uint16_t port, int reason) {
  auto where = address + ":" + std::to_string(port);
  if (reason == EADDRINUSE)
    return caf::make_error(errc::bad_config,
                           "http.port: " + where
                             + " is taken by another program, or another event source of this one; "
                               "end that, give another http.port, or let sources share one: by "
                               "shared_resources");
  auto why = reason != 0 ? std::string{std::strerror(reason)} : "it is no address of this machine";
  return caf::make_error(errc::bad_config, "http.port, http.address: cannot listen on " + where
                                             + ": " + why
                                             + "; give another http.port, or an http.address that "
                                               "this machine has, such as 127.0.0.1 or 0.0.0.0");
}

} // namespace

struct server::impl {
  httplib::Server library;
  int port = 0;
  std::list<event_stream> streams;
  std::atomic<size_t> open_streams = 0;
  bool stopped = false;
  std::atomic<bool> ended
    = false; ///< the listener: it was stopped, or nobody can be let in any more
  std::thread listener;
};

server::server() : impl_(std::make_unique<impl>()) {
  auto& library = impl_->library;
  library.new_task_queue = [] { return new task_queue; }; // the library deletes it
  library.set_socket_options(reuse_address_only);
  library.set_keep_alive_max_count(1); // an idle connection would keep a thread
  library.set_keep_alive_timeout(client_patience.count());
  library.set_payload_max_length(1024); // nothing that is answered has one
  library.set_read_timeout(client_patience);
  library.set_write_timeout(client_patience);
  library.set_default_headers({{"Cache-Control", "no-store"},
                               {"X-Content-Type-Options", "nosniff"},
                               {"Content-Security-Policy", "default-src 'self'; img-src data:"}});
}

server::~server() {
  stop();
}

caf::expected<std::unique_ptr<server>> server::make(const std::string& address, uint16_t port) {
  std::unique_ptr<server> result{new server};
  auto& library = result->impl_->library;
  errno = 0;
  result->impl_->stopped = true; // as long as it has no port
  if (port == 0)
    result->impl_->port = library.bind_to_any_port(address);
  else
    result->impl_->port = library.bind_to_port(address, port) ? port : -1;
  if (result->impl_->port <= 0)
    return cannot_listen(address, port, errno);
  result->impl_->stopped = false;
  if (is_loopback(address))
    library.set_pre_routing_handler([](const httplib::Request& from, httplib::Response& to) {
      if (is_meant(from.get_header_value("Host")))
        return httplib::Server::HandlerResponse::Unhandled;
      to.status = 403;
      to.set_content("call it localhost, or by its address\n", "text/plain");
      return httplib::Server::HandlerResponse::Handled;
    });
  return result;
}

void server::get(const std::string& path, std::function<answer()> make) {
  impl_->library.Get(path,
                     [make = std::move(make)](const httplib::Request&, httplib::Response& to) {
                       const auto made = make();
                       to.status = made.status;
                       to.set_content(made.body, made.type);
                     });
}

void server::stream(const std::string& path, std::function<std::string()> make,
                    std::chrono::milliseconds every) {
  auto& from = impl_->streams.emplace_back(std::move(make), every);
  impl_->library.Get(path, [this, &from](const httplib::Request&, httplib::Response& to) {
    auto& open = impl_->open_streams;
    if (++open > max_streams) {
      --open;
      to.status = 503;
      to.set_content("too many pages are open; close some\n", "text/plain");
      return;
    }
    to.set_chunked_content_provider(
      "text/event-stream",
      [&from, seen = uint64_t{0}](size_t, httplib::DataSink& sink) mutable {
        auto text = from.next(seen);
        if (text == nullptr || !sink.is_writable())
          return false;
        auto event = "data: " + *text + "\n\n";
        return sink.write(event.data(), event.size());
      },
      [&open](bool) { --open; });
  });
}

void server::start() {
  impl_->listener = std::thread{[this] {
    impl_->library.listen_after_bind();
    impl_->ended = true;
  }};
}

void server::stop() {
  if (std::exchange(impl_->stopped, true))
    return;
  if (!impl_->listener.joinable())
    start(); // the library closes a port on which it has listened
  for (auto& each : impl_->streams)
    each.end();
  while (!impl_->library.is_running() && !impl_->ended) // else the library does not hear of it
    std::this_thread::yield();
  impl_->library.stop();
  impl_->listener.join();
}

uint16_t server::port() const {
  return static_cast<uint16_t>(impl_->port);
}

} // namespace keyloom::http
