// The service that example 09 calls: an HTTP server on 127.0.0.1, at a free port, with a thread of
// its own. It keeps a logbook for each path: POST /N14228 makes an entry, which takes 50 ms, and
// answers its number, from 1 on.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>

class logbook_service {
public:
  using tcp = boost::asio::ip::tcp;

  logbook_service() : acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}) {
    boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    thread_ = std::thread{[this] { io_.run(); }};
  }

  ~logbook_service() {
    io_.stop();
    thread_.join();
  }

  tcp::endpoint address() const { return acceptor_.local_endpoint(); }

  /// Most calls that were with the service at the same time.
  int most_at_once() const { return most_; }

private:
  boost::asio::awaitable<void> accept() {
    for (;;)
      boost::asio::co_spawn(io_, serve(co_await acceptor_.async_accept(boost::asio::use_awaitable)),
                            boost::asio::detached);
  }

  /// Answers the requests of one connection until the client closes it.
  boost::asio::awaitable<void> serve(tcp::socket client) try {
    namespace http = boost::beast::http;
    boost::beast::flat_buffer buffer;
    for (;;) {
      http::request<http::empty_body> asked;
      co_await http::async_read(client, buffer, asked, boost::asio::use_awaitable);
      most_ = std::max<int>(most_, ++running_);
      boost::asio::steady_timer writing{io_, std::chrono::milliseconds{50}};
      co_await writing.async_wait(boost::asio::use_awaitable);
      --running_;
      http::response<http::string_body> answer{http::status::ok, asked.version()};
      answer.body() = std::to_string(++entries_[std::string{asked.target()}]);
      answer.prepare_payload();
      co_await http::async_write(client, answer, boost::asio::use_awaitable);
    }
  } catch (const boost::system::system_error&) {
    // the client is gone
  }

  boost::asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::thread thread_;
  std::map<std::string, int> entries_; // the thread's, as running_
  int running_ = 0;
  std::atomic<int> most_ = 0;
};
