#include "tests/integration/broker_proxy.hpp"

#include "tests/integration/broker_fixture.hpp"

#include <array>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace keyloom::test {

namespace {

constexpr int16_t metadata = 3;
constexpr int16_t find_coordinator = 10;
constexpr size_t length_bytes = 4;

/// A number as Kafka writes it: the most significant byte first.
template <class Int>
std::string bytes_of(Int x) {
  std::string result(sizeof(Int), '\0');
  for (size_t i = 0; i < sizeof(Int); ++i)
    result[i] = static_cast<char>(static_cast<uint64_t>(x) >> (8 * (sizeof(Int) - 1 - i)));
  return result;
}

template <class Int>
Int number_at(const std::string& frame, size_t offset) {
  uint64_t result = 0;
  for (size_t i = 0; i < sizeof(Int); ++i)
    result = result << 8 | static_cast<uint8_t>(frame.at(offset + i));
  return static_cast<Int>(result);
}

void write_all(int to, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    auto n = ::send(to, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (n <= 0)
      return; // it has gone: reading tells
    done += static_cast<size_t>(n);
  }
}

sockaddr_in local(uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address); // NOLINT: as the socket calls want it
}

int new_socket() {
  auto result = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(result >= 0);
  return result;
}

/// Where the error stands in an answer: behind the correlation, the throttle time, and, as the
/// client opens ids with a version that has them, the tags of the header.
size_t error_offset(int16_t key) {
  return key == static_cast<int16_t>(broker_proxy::request::open_id) ? 9 : 8;
}

/// An answer that is nothing but an error.
std::string refusal(int16_t key, const std::string& correlation, int16_t error) {
  if (key != static_cast<int16_t>(broker_proxy::request::open_id))
    return correlation + bytes_of<int32_t>(0) + bytes_of(error);
  auto no_id = bytes_of<int64_t>(-1) + bytes_of<int16_t>(-1);
  return correlation + '\0' + bytes_of<int32_t>(0) + bytes_of(error) + no_id + '\0';
}

} // namespace

broker_proxy::broker_proxy(const std::string& broker) {
  auto colon = broker.rfind(':');
  REQUIRE(colon != std::string::npos);
  host_ = broker.substr(0, colon);
  broker_port_ = static_cast<uint16_t>(std::stoi(broker.substr(colon + 1)));
  INFO("the proxy stands in front of a broker of this machine, at 127.0.0.1, not at " << broker);
  REQUIRE(host_ == "127.0.0.1");
  listener_ = new_socket();
  auto mine = local(0);
  socklen_t size = sizeof(mine);
  REQUIRE(::bind(listener_, generic(mine), size) == 0);
  REQUIRE(::listen(listener_, SOMAXCONN) == 0);
  REQUIRE(::getsockname(listener_, const_cast<sockaddr*>(generic(mine)), &size) == 0); // NOLINT
  port_ = ntohs(mine.sin_port);
  address_ = host_ + ":" + std::to_string(port_);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread{[this] { run(); }};
}

broker_proxy::~broker_proxy() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  for (auto& each : lines_) {
    ::close(each.client);
    ::close(each.broker);
  }
  ::close(listener_);
  ::close(stop_);
}

// -- faults ---------------------------------------------------------------------------------------

void broker_proxy::next(fault what) {
  std::lock_guard guard{mutex_};
  once_.push_back(what);
}

void broker_proxy::always(fault what) {
  std::lock_guard guard{mutex_};
  always_.push_back(what);
}

bool broker_proxy::all_happened() {
  std::unique_lock guard{mutex_};
  return changed_.wait_for(guard, patience, [this] { return once_.empty(); });
}

void broker_proxy::heal() {
  std::lock_guard guard{mutex_};
  once_.clear();
  always_.clear();
}

uint64_t broker_proxy::seen(request at) {
  std::lock_guard guard{mutex_};
  return seen_[static_cast<int16_t>(at)];
}

bool broker_proxy::sees_more(request at, uint64_t than) {
  std::unique_lock guard{mutex_};
  return changed_.wait_for(guard, patience, [&] { return seen_[static_cast<int16_t>(at)] > than; });
}

// -- the thread -----------------------------------------------------------------------------------

void broker_proxy::run() {
  for (;;) {
    std::vector<pollfd> looked_at{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    std::vector<std::pair<line*, bool>> whose;
    for (auto& each : lines_)
      for (auto of_client : {true, false}) {
        looked_at.push_back({of_client ? each.client : each.broker, POLLIN, 0});
        whose.emplace_back(&each, of_client);
      }
    ::poll(looked_at.data(), looked_at.size(), -1);
    if (looked_at[0].revents != 0)
      return;
    for (size_t i = 0; i < whose.size(); ++i)
      if (looked_at[i + 2].revents != 0 && !whose[i].first->is_cut)
        read(*whose[i].first, whose[i].second);
    if (looked_at[1].revents != 0)
      accept_line();
    std::erase_if(lines_, [](const line& each) {
      if (each.is_cut) {
        ::close(each.client);
        ::close(each.broker);
      }
      return each.is_cut;
    });
  }
}

void broker_proxy::accept_line() {
  line fresh;
  fresh.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  fresh.broker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto broker = local(broker_port_);
  fresh.is_cut = ::connect(fresh.broker, generic(broker), sizeof(broker)) != 0;
  int on = 1;
  for (auto each : {fresh.client, fresh.broker})
    ::setsockopt(each, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  lines_.push_back(std::move(fresh));
}

void broker_proxy::read(line& at, bool of_client) {
  std::array<char, 1 << 16> room{};
  auto n = ::recv(of_client ? at.client : at.broker, room.data(), room.size(), 0);
  if (n <= 0) {
    at.is_cut = true;
    return;
  }
  auto& bytes = of_client ? at.from_client : at.from_broker;
  bytes.append(room.data(), static_cast<size_t>(n));
  while (!at.is_cut && bytes.size() >= length_bytes) {
    auto length = number_at<uint32_t>(bytes, 0);
    if (bytes.size() - length_bytes < length)
      return;
    auto frame = bytes.substr(length_bytes, length);
    bytes.erase(0, length_bytes + length);
    if (of_client)
      pass_request(at, frame);
    else
      pass_answer(at, std::move(frame));
  }
}

void broker_proxy::pass_request(line& at, const std::string& frame) {
  asked now{.key = number_at<int16_t>(frame, 0)};
  std::lock_guard guard{mutex_};
  ++seen_[now.key];
  changed_.notify_all();
  auto found = find(now.key);
  if (found) {
    now.error = found->error;
    now.is_lost = found->what == how::unanswered;
    at.is_cut = found->what == how::lost;
    if (found->what == how::refused) {
      auto answer = refusal(now.key, frame.substr(4, 4), found->error);
      write_all(at.client, bytes_of(static_cast<uint32_t>(answer.size())) + answer);
      return;
    }
    if (at.is_cut)
      return;
  }
  at.waiting.push_back(now);
  write_all(at.broker, bytes_of(static_cast<uint32_t>(frame.size())) + frame);
}

void broker_proxy::pass_answer(line& at, std::string frame) {
  auto of = at.waiting.front();
  at.waiting.pop_front();
  if (of.is_lost) {
    at.is_cut = true;
    return;
  }
  if (of.error != 0)
    frame.replace(error_offset(of.key), 2, bytes_of(of.error));
  if (of.key == metadata || of.key == find_coordinator)
    move_broker(frame);
  write_all(at.client, bytes_of(static_cast<uint32_t>(frame.size())) + frame);
}

/// The fault that is to happen now.
std::optional<broker_proxy::fault> broker_proxy::find(int16_t key) {
  auto same = [key](const fault& x) { return static_cast<int16_t>(x.at) == key; };
  if (auto i = std::find_if(once_.begin(), once_.end(), same); i != once_.end()) {
    auto result = *i;
    once_.erase(i);
    return result;
  }
  auto i = std::find_if(always_.begin(), always_.end(), same);
  return i == always_.end() ? std::nullopt : std::optional{*i};
}

/// A broker's port follows its host, in all versions of these answers.
void broker_proxy::move_broker(std::string& frame) const {
  auto old_place = host_ + bytes_of<int32_t>(broker_port_);
  auto new_place = host_ + bytes_of<int32_t>(port_);
  for (auto i = frame.find(old_place); i != std::string::npos; i = frame.find(old_place, i + 1))
    frame.replace(i, old_place.size(), new_place);
}

} // namespace keyloom::test
