#include "tests/integration/transacting_child.hpp"

#include "runtime/kafka/consumer.hpp"
#include "runtime/kafka/transaction_chain.hpp"

#include <keyloom/errc.hpp>

#include <future>
#include <iostream>
#include <set>

namespace keyloom::test {

namespace {

using namespace std::chrono_literals;

class first_news : public kafka::transaction_chain::progress_port {
public:
  void acknowledged(uint64_t) override {}
  void committed(uint64_t) override { what_.set_value("committed"); }
  void aborted(const kafka::transaction_chain::aborted_transactions& which) override {
    what_.set_value("refused: " + describe(which.reason));
  }
  void failed(const caf::error& reason) override {
    what_.set_value("refused: " + describe(reason));
  }

  std::string wait() { return what_.get_future().get(); }

private:
  std::promise<std::string> what_;
};

/// A consumer that answers its group and remembers what it was told.
struct group_member {
  explicit group_member(const std::vector<std::string>& arguments) {
    auto made = kafka::consumer::make({.brokers = arguments.at(1),
                                       .group = arguments.at(2),
                                       .kafka = {{"session.timeout.ms", "3000"},
                                                 {"heartbeat.interval.ms", "300"},
                                                 {"fetch.wait.max.ms", "10"}},
                                       .wake = {},
                                       .log = {}});
    consumer = std::move(*made);
    check(consumer->subscribe({arguments.at(3)}));
  }

  static void check(const caf::error& err) {
    if (err)
      std::cout << "child: " << describe(err) << std::endl;
  }

  void poll() {
    auto event = consumer->next_event(20ms);
    if (!event)
      return;
    if (auto* given = std::get_if<kafka::partitions_assigned>(&*event)) {
      std::vector<kafka::partition_offset> start;
      for (auto& where : given->partitions)
        start.push_back({where, -1});
      check(consumer->assign(start));
      owned.insert(given->partitions.begin(), given->partitions.end());
      ++assignments;
    } else if (auto* taken = std::get_if<kafka::partitions_revoked>(&*event)) {
      for (auto& where : taken->partitions)
        owned.erase(where);
      check(consumer->unassign(taken->partitions));
      lost = lost || taken->lost;
    }
  }

  std::unique_ptr<kafka::consumer> consumer;
  std::set<kafka::topic_partition> owned;
  int assignments = 0;
  bool lost = false;
};

} // namespace

int run_transacting_child(const std::vector<std::string>& arguments) {
  group_member self{arguments};
  while (self.owned.empty())
    self.poll();
  auto where = *self.owned.begin();
  auto membership = self.consumer->membership(1);
  core::record_batch_ptr batch;
  while (!batch || batch->empty()) {
    self.poll();
    batch = self.consumer->drain(where, 1, 1000);
  }
  first_news news;
  auto chain = kafka::transaction_chain::make(
    {.brokers = arguments.at(1), .group = arguments.at(2), .id_prefix = arguments.at(5)}, news);
  std::cout << "read" << std::endl;
  while (!self.lost)
    self.poll();
  std::cout << "lost" << std::endl;
  for (auto before = self.assignments; self.assignments == before;)
    self.poll();
  std::cout << "joined again" << std::endl;
  if (arguments.at(0) == "fresh")
    membership = self.consumer->membership(2);
  static_cast<void>((*chain)->submit(
    {membership,
     {{.commit = {where, 1, "the frozen one's"},
       .records = {{.topic = arguments.at(4), .value = "of the frozen one", .partition = 0}}}}}));
  std::cout << news.wait() << std::endl;
  return 0;
}

} // namespace keyloom::test
