// What all open pages of one address get: a text every so often, made once for all of them, by the
// thread of the page whose turn it is. Nothing is made while no page is open. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace keyloom::http {

class event_stream {
public:
  using text = std::shared_ptr<const std::string>;

  event_stream(std::function<std::string()> make, std::chrono::milliseconds every)
    : make_(std::move(make)), every_(every) {}

  /// Waits for a text that is newer than the one with the number `seen`, and sets `seen` to its
  /// number. Null: the stream has ended.
  text next(uint64_t& seen);

  /// Lets all waits return.
  void end();

private:
  using clock = std::chrono::steady_clock;

  void make_next(std::unique_lock<std::mutex>& lock);

  std::function<std::string()> make_;
  std::chrono::milliseconds every_;

  std::mutex mutex_;
  std::condition_variable changed_;
  text last_; // guarded by mutex_, as all below
  uint64_t number_ = 0;
  clock::time_point due_{};
  bool making_ = false;
  bool ended_ = false;
};

} // namespace keyloom::http
