// A client of the small HTTP server: GET over a socket of 127.0.0.1, and pages that stay open. One
// thread each.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace keyloom::test {

class http_page {
public:
  /// Asks for it. Status 0: nobody listens.
  http_page(uint16_t port, const std::string& path, const std::string& host = "localhost") {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    timeval longest_wait{10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &longest_wait, sizeof longest_wait);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      return;
    auto request = "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
    if (send(socket_, request.data(), request.size(), MSG_NOSIGNAL) < 0)
      return;
    if (auto head = until("\r\n\r\n"); head.size() > 12)
      status_ = std::stoi(head.substr(9, 3));
  }
  http_page(const http_page&) = delete;
  http_page& operator=(const http_page&) = delete;
  ~http_page() { close(socket_); }

  int status() const { return status_; }

  /// All that comes until the server closes.
  std::string rest() {
    while (read_more()) {
      // it is in buffer_
    }
    return std::exchange(buffer_, {});
  }

  /// The text of the next event of a stream; empty: it has ended.
  std::string next_event() {
    until("data: ");
    auto result = until("\n\n");
    return result.substr(0, result.size() - std::min<size_t>(result.size(), 2));
  }

private:
  /// Up to and with `end`, or empty.
  std::string until(const std::string& end) {
    auto at = buffer_.find(end);
    for (; at == buffer_.npos; at = buffer_.find(end))
      if (!read_more())
        return {};
    auto result = buffer_.substr(0, at + end.size());
    buffer_.erase(0, at + end.size());
    return result;
  }

  bool read_more() {
    char chunk[4096];
    auto size = recv(socket_, chunk, sizeof chunk, 0);
    if (size > 0)
      buffer_.append(chunk, static_cast<size_t>(size));
    return size > 0;
  }

  int socket_ = -1;
  int status_ = 0;
  std::string buffer_;
};

struct http_answer {
  int status = 0;
  std::string body;
};

inline http_answer http_get(uint16_t port, const std::string& path) {
  http_page page{port, path};
  return {page.status(), page.rest()};
}

} // namespace keyloom::test
