// A small HTTP server: GET requests answered by functions, and streams of server-sent events. One
// connection has a thread while it lasts, which for a stream is as long as its page is open; so
// other requests are answered however many pages are open, and pages beyond `max_streams` get 503.
//
// Owned by who knows what is to be shown. Paths are added first, then `start`; `stop`, or the
// destructor, ends all streams and waits for all threads (I9): a connection whose client says
// nothing may hold it up for `client_patience`. The functions are called by any thread, several at
// a time.
#pragma once

#include <caf/expected.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace keyloom::http {

struct answer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class server {
public:
  static constexpr size_t max_streams = 64;
  static constexpr std::chrono::seconds client_patience{1};

  /// Takes the port; 0: one that is free. errc::bad_config says when it cannot be had, and what to
  /// do.
  static caf::expected<std::unique_ptr<server>> make(const std::string& address, uint16_t port);

  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server();

  void get(const std::string& path, std::function<answer()> make);

  /// Each open page gets what `make` returns, one line of text, at once and then as often as
  /// `every` says.
  void stream(const std::string& path, std::function<std::string()> make,
              std::chrono::milliseconds every);

  void start();
  void stop();

  uint16_t port() const;

private:
  server();

  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace keyloom::http
