// How long reading a change log takes, before a store makes anything of it: change_log_reader on
// all partitions of a topic, as for a group that has committed nothing. Prints records, seconds
// (from the order to the last partition's end, connecting included), records/s.
#include "runtime/kafka/change_log_reader.hpp"

#include <keyloom/errc.hpp>

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <numeric>
#include <vector>

namespace {

using keyloom::kafka::change_log_reader;

/// Counts until all partitions have ended.
class counter : public change_log_reader::restore_port {
public:
  explicit counter(size_t partitions) : left_(partitions) {}

  void found(int32_t, const change_log_reader::start&) override {}
  void entries(int32_t, keyloom::core::record_batch_ptr) override {}
  void progressed(int32_t, const change_log_reader::progress&) override {}
  void restored(int32_t, const change_log_reader::progress& how_far, int64_t) override {
    std::lock_guard guard{mutex_};
    records_ += how_far.records;
    --left_;
    changed_.notify_all();
  }
  void failed(int32_t, const caf::error& reason) override {
    std::cerr << "restore: " << keyloom::describe(reason) << '\n';
    std::_Exit(1);
  }
  bool has_room(int32_t) override { return true; }

  uint64_t wait() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return left_ == 0; });
    return records_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t left_;
  uint64_t records_ = 0;
};

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: restore HOST:PORT TOPIC PARTITIONS\n";
    return 2;
  }
  std::vector<int32_t> partitions(std::stoul(argv[3]));
  std::iota(partitions.begin(), partitions.end(), 0);
  counter counts{partitions.size()};
  change_log_reader reader{{.brokers = argv[1],
                            .group = "keyloom-bench-restore",
                            .source = argv[2],
                            .change_log = argv[2]},
                           counts};
  auto begin = std::chrono::steady_clock::now();
  reader.restore(partitions);
  auto records = counts.wait();
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << "{\"records\":" << records << ",\"seconds\":" << took.count()
            << ",\"rec_per_s\":" << static_cast<double>(records) / took.count() << "}\n";
  return 0;
}
