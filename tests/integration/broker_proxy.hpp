// A line between clients and a real broker that goes wrong when a test wants it to. It passes
// requests and answers on, tells clients that the broker is where the proxy is, and at the requests
// that were named loses them, loses their answers, or answers with an error. A fault waits until
// its request comes, and `all_happened` until it was there, so nothing here depends on chance.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace keyloom::test {

class broker_proxy {
public:
  /// Kafka's numbers of requests. With an error only those are answered that end a transaction,
  /// add offsets to it, or open its id.
  enum class request : int16_t {
    produce = 0,
    open_id = 22,
    add_offsets = 25,
    end_transaction = 26
  };

  /// What happens to it.
  enum class how : uint8_t {
    lost,           ///< the line is cut, and the broker never sees the request
    unanswered,     ///< the broker does what it is asked, and the line is cut before the answer
    refused,        ///< it is answered with an error, and the broker never sees it
    said_to_refuse, ///< the broker does what it is asked, and its answer becomes an error
  };

  struct fault {
    request at;
    how what;
    int16_t error = 0; ///< librdkafka's number, which is Kafka's
  };

  /// `broker`: HOST:PORT, of this machine.
  explicit broker_proxy(const std::string& broker);
  broker_proxy(const broker_proxy&) = delete;
  broker_proxy& operator=(const broker_proxy&) = delete;
  ~broker_proxy();

  /// For clients.
  const std::string& address() const { return address_; }

  /// Happens to the next request of its kind, after those that were asked for before.
  void next(fault what);

  /// Happens to all requests of its kind that no other fault waits for, until `heal`.
  void always(fault what);

  /// Waits until what was asked of `next` has happened.
  bool all_happened();

  /// No fault happens any more.
  void heal();

  /// How many requests of this kind came so far.
  uint64_t seen(request at);

  /// Waits until more than so many have come.
  bool sees_more(request at, uint64_t than);

private:
  struct asked {
    int16_t key = 0;
    bool is_lost = false; ///< its answer
    int16_t error = 0;    ///< its answer becomes
  };

  struct line {
    int client = -1;
    int broker = -1;
    std::string from_client = {}; ///< of a frame that is not complete
    std::string from_broker = {};
    std::deque<asked> waiting = {}; ///< for an answer; the broker answers in order
    bool is_cut = false;
  };

  void run();
  void accept_line();
  void read(line& at, bool of_client);
  void pass_request(line& at, const std::string& frame);
  void pass_answer(line& at, std::string frame);
  std::optional<fault> find(int16_t key);
  void move_broker(std::string& frame) const;

  std::string host_;
  uint16_t broker_port_ = 0;
  uint16_t port_ = 0;
  std::string address_;
  int listener_ = -1;
  int stop_ = -1; ///< an eventfd
  std::list<line> lines_;
  std::mutex mutex_; ///< guards what follows
  std::condition_variable changed_;
  std::deque<fault> once_;
  std::deque<fault> always_;
  std::map<int16_t, uint64_t> seen_;
  std::thread thread_; ///< of all lines
};

} // namespace keyloom::test
