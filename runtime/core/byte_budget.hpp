// One limit on the bytes that everything sharing it may hold for records: batches that are queued
// or worked on, and outputs that wait for release or acknowledgement. It stops intake only: nothing
// that was admitted ever waits for it (I8).
//
// Each assigned partition has an account, and the limit is shared evenly between the accounts that
// are open, so one that stands still cannot take what the others need. An account that holds
// nothing may always take something in, so a record larger than a share passes, alone. Owned by
// what shares it; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace keyloom::core {

class byte_budget : public std::enable_shared_from_this<byte_budget> {
public:
  class account;

  /// `limit` in bytes.
  explicit byte_budget(uint64_t limit) : limit_(static_cast<int64_t>(limit)) {}

  /// A new account; it shares in the limit until it is closed, or gone.
  std::shared_ptr<account> open();

  /// Bytes each open account may hold.
  int64_t share() const;

  int64_t limit() const { return limit_; }

  /// Bytes held by all accounts, closed ones too.
  int64_t held() const { return held_; }

  /// Most bytes held at once.
  int64_t held_max() const { return held_max_; }

private:
  std::atomic<int64_t> limit_;
  std::atomic<int64_t> held_{0};
  std::atomic<int64_t> held_max_{0};
  std::atomic<int64_t> open_{0};
};

class byte_budget::account {
public:
  explicit account(std::shared_ptr<byte_budget> budget) : budget_(std::move(budget)) {}
  account(const account&) = delete;
  account& operator=(const account&) = delete;
  ~account() { close(); }

  /// Bytes that may be taken in now; not positive: none. An empty account has room for one record
  /// whatever its size.
  int64_t room() const { return budget_->share() - held_; }

  /// True when something may be taken in.
  bool has_room() const { return held_ == 0 || room() > 0; }

  void hold(int64_t bytes);
  void give_back(int64_t bytes);

  /// Shares no more in the limit; what it holds still counts until it is given back.
  void close();

  int64_t held() const { return held_; }

private:
  std::shared_ptr<byte_budget> budget_;
  std::atomic<int64_t> held_{0};
  std::atomic<bool> open_{true};
};

} // namespace keyloom::core
