#include "runtime/kafka/transaction_chain.hpp"

#include "runtime/kafka/cluster.hpp"
#include "runtime/kafka/transactional_producer.hpp"

#include <keyloom/errc.hpp>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace keyloom::kafka {

namespace {

using core::transaction_plan;
using step = transaction_plan::step;
using outcome = transaction_plan::outcome;
using clock = std::chrono::steady_clock;

constexpr size_t most_producers = 3; // more bring nothing (measured)
constexpr std::chrono::seconds check_timeout{5};
constexpr std::chrono::seconds lookup_timeout{2};
constexpr int log_error = 3;
constexpr int log_warning = 4;
constexpr int log_info = 6;

/// By the cluster itself.
class stable_lookup : public transaction_chain::lookup_port {
public:
  stable_lookup(std::string brokers, properties kafka, std::string group)
    : brokers_(std::move(brokers)), kafka_(std::move(kafka)), group_(std::move(group)) {}

  caf::expected<std::vector<partition_offset>>
  committed(const std::vector<topic_partition>& of, std::chrono::milliseconds timeout) override {
    if (!cluster_) {
      auto made = cluster::make(brokers_, kafka_);
      if (!made)
        return std::move(made.error());
      cluster_ = std::move(*made);
    }
    return cluster_->stable_offsets(group_, of, timeout);
  }

private:
  std::string brokers_;
  properties kafka_;
  std::string group_;
  std::unique_ptr<cluster> cluster_;
};

bool equal(const partition_offset& sent, const partition_offset& found) {
  return sent.offset == found.offset && sent.metadata == found.metadata;
}

caf::error check(const transaction_chain::config& cfg) {
  if (cfg.producers < 1 || cfg.producers > most_producers)
    return caf::make_error(errc::bad_config, "a transactional chain has 1 to 3 producers, not "
                                               + std::to_string(cfg.producers));
  if (cfg.id_prefix.empty())
    return caf::make_error(errc::bad_config,
                           "the prefix of the transactional ids is empty: give each process one "
                           "of its own, the same after each restart");
  if (cfg.group.empty())
    return caf::make_error(errc::bad_config,
                           "the setting `group` is empty: name the consumer group");
  return {};
}

} // namespace

struct transaction_chain::impl {
  impl(config settings, progress_port& port)
    : cfg(std::move(settings)), progress(port),
      plan({.producers = cfg.producers, .patience = cfg.transaction_timeout}) {}
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl();

  void start();
  void run(size_t number);
  bool perform_next(size_t number, std::unique_lock<std::mutex>& guard);
  transactional_producer::result perform(size_t number, step what, const transaction* of);
  transactional_producer::result open(size_t number);
  transactional_producer::result settle(const transaction& what);
  void note(const transaction_plan::task& task, transaction* of,
            const transactional_producer::result& how);
  void tell();
  void tell_aborted(number first);
  void log(int level, const std::string& text) const;

  config cfg;
  progress_port& progress;

  mutable std::mutex mutex; ///< guards all below but `producers`, each of which is its thread's
  std::condition_variable changed;
  transaction_plan plan;
  std::map<number, transaction> kept; ///< all that `plan` holds; no thread changes one in its hands
  std::optional<aborted_transactions> failure; ///< the first one since the owner was asked
  caf::error hindrance;                        ///< why something is tried again
  bool closing = false;

  std::vector<std::unique_ptr<transactional_producer>> producers;
  bool checked = false; ///< by the first producer's thread
  std::vector<std::thread> threads;
};

// -- the threads ----------------------------------------------------------------------------------

void transaction_chain::impl::start() {
  for (size_t i = 0; i < cfg.producers; ++i)
    producers.push_back(std::make_unique<transactional_producer>(transactional_producer::config{
      .brokers = cfg.brokers,
      .kafka = cfg.kafka,
      .id = cfg.id_prefix + "-" + std::to_string(i),
      .transaction_timeout = cfg.transaction_timeout,
      .log = cfg.log,
    }));
  for (size_t i = 0; i < cfg.producers; ++i)
    threads.emplace_back([this, i] { run(i); });
}

transaction_chain::impl::~impl() {
  {
    std::lock_guard guard{mutex};
    closing = true;
    plan.close();
    tell();
  }
  changed.notify_all();
  for (auto& each : threads)
    each.join();
}

void transaction_chain::impl::run(size_t number) {
  std::unique_lock guard{mutex};
  while (!closing || !plan.quiet()) {
    if (perform_next(number, guard))
      continue;
    if (auto due = plan.due(number))
      changed.wait_until(guard, *due);
    else
      changed.wait(guard);
  }
}

bool transaction_chain::impl::perform_next(size_t number, std::unique_lock<std::mutex>& guard) {
  auto task = plan.next(number, clock::now());
  if (!task)
    return false;
  auto found = kept.find(task->transaction);
  auto* of = found == kept.end() ? nullptr : &found->second;
  guard.unlock();
  auto how = perform(number, task->what, of);
  guard.lock();
  auto now = clock::now();
  if (plan.loses(number, how.what, now)) { // and then others may do as they like with its content
    guard.unlock();
    producers[number]->disconnect();
    guard.lock();
  }
  note(*task, of, how);
  plan.ended(number, how.what, now);
  tell();
  changed.notify_all();
  return true;
}

transactional_producer::result transaction_chain::impl::perform(size_t number, step what,
                                                                const transaction* of) {
  auto& producer = *producers[number];
  switch (what) {
    case step::open:
      return open(number);
    case step::hand_over:
      return producer.hand_over(*of);
    case step::send_offsets:
      return producer.send_offsets(*of);
    case step::commit:
      return producer.commit();
    case step::abort:
      return producer.abort();
    case step::settle:
      return settle(*of);
  }
  return {.what = outcome::breaks};
}

transactional_producer::result transaction_chain::impl::open(size_t number) {
  if (number == 0 && !checked) {
    auto asks = cluster::make(cfg.brokers, cfg.kafka);
    auto err = asks ? (*asks)->check_transactions(check_timeout) : std::move(asks.error());
    if (err)
      return {.what = err == errc::bad_config ? outcome::ends : outcome::again,
              .reason = std::move(err)};
    checked = true;
  }
  return producers[number]->open();
}

// Metadata that is equal proves the commit, for all parts of the transaction. One that is not
// proves nothing where the partition has moved on to another owner; but then it is not sent again
// either.
transactional_producer::result transaction_chain::impl::settle(const transaction& what) {
  std::vector<topic_partition> of;
  of.reserve(what.parts.size());
  for (const auto& part : what.parts)
    of.push_back(part.commit.where);
  auto found = cfg.lookup->committed(of, lookup_timeout);
  if (!found)
    return {.what = outcome::again, .reason = std::move(found.error())};
  for (const auto& part : what.parts)
    for (const auto& entry : *found)
      if (entry.where == part.commit.where && cfg.same(part.commit, entry))
        return {};
  if (found->size() == of.size())
    return {.what = outcome::absent};
  return {.what = outcome::again,
          .reason = caf::make_error(errc::transaction_failed,
                                    "the group's offsets wait for a transaction to end")};
}

// -- what becomes of them -------------------------------------------------------------------------

void transaction_chain::impl::note(const transaction_plan::task& task, transaction* of,
                                   const transactional_producer::result& how) {
  auto name = "transaction " + std::to_string(task.transaction);
  if (task.what == step::settle && how.what != outcome::again)
    log(log_warning, name + (how.what == outcome::done ? " was committed" : " was not committed")
                       + ", as the group's offsets tell; its commit had not been confirmed");
  if (!how.reason)
    return;
  auto again = how.what == outcome::again;
  log(again ? log_info : log_warning,
      (task.transaction == 0 ? "transactions: " : name + ": ") + describe(how.reason));
  hindrance = how.reason;
  if (how.suspects)
    of->suspects = how.suspects;
  if (again || failure)
    return;
  failure = {.first = task.transaction,
             .reason = how.reason,
             .permanent = how.permanent,
             .regroup = how.regroup};
  if (of != nullptr && how.part)
    failure->culprit = of->parts[*how.part].commit.where;
}

void transaction_chain::impl::tell() {
  while (auto news = plan.take_news()) {
    switch (news->what) {
      case transaction_plan::news_kind::acknowledged:
        progress.acknowledged(news->transaction);
        break;
      case transaction_plan::news_kind::committed:
        kept.erase(news->transaction);
        hindrance = {};
        progress.committed(news->transaction);
        break;
      case transaction_plan::news_kind::aborted:
        tell_aborted(news->transaction);
        break;
      case transaction_plan::news_kind::ended:
        log(log_error, "transactions end: " + describe(hindrance));
        progress.failed(hindrance);
    }
  }
}

void transaction_chain::impl::tell_aborted(number first) {
  auto which = failure.value_or(aborted_transactions{.first = first, .reason = hindrance});
  which.first = first;
  failure.reset();
  hindrance = {};
  log(log_warning, std::to_string(kept.size()) + " transactions from " + std::to_string(first)
                     + " on wait to be sent again"
                     + (which.reason ? ": " + describe(which.reason) : std::string{}));
  progress.aborted(which);
}

void transaction_chain::impl::log(int level, const std::string& text) const {
  if (cfg.log)
    cfg.log(level, text);
}

// -- the public face ------------------------------------------------------------------------------

transaction_chain::transaction_chain(std::unique_ptr<impl> ptr) : impl_(std::move(ptr)) {
  // nop
}

transaction_chain::~transaction_chain() = default;

caf::expected<std::unique_ptr<transaction_chain>> transaction_chain::make(config cfg,
                                                                          progress_port& progress) {
  if (auto err = check(cfg))
    return err;
  if (!cfg.lookup)
    cfg.lookup = std::make_shared<stable_lookup>(cfg.brokers, cfg.kafka, cfg.group);
  if (!cfg.same)
    cfg.same = equal;
  auto ptr = std::make_unique<impl>(std::move(cfg), progress);
  ptr->start();
  return std::unique_ptr<transaction_chain>{new transaction_chain(std::move(ptr))};
}

caf::expected<transaction_chain::number> transaction_chain::submit(transaction what) {
  if (what.parts.empty() || !what.group)
    return caf::make_error(errc::wrong_state,
                           "a transaction needs a part, whose offset it commits, and the group's "
                           "metadata: without them the broker could not tell a stale owner's");
  std::lock_guard guard{impl_->mutex};
  auto result = impl_->plan.submit(what.group.epoch());
  if (result == 0)
    return caf::make_error(errc::wrong_state,
                           "the transaction is of an assignment that was given up, or the chain is "
                           "over ("
                             + what.group.text() + ")");
  impl_->kept.emplace(result, std::move(what));
  impl_->changed.notify_all();
  return result;
}

bool transaction_chain::ready() const {
  std::lock_guard guard{impl_->mutex};
  return impl_->plan.ready();
}

size_t transaction_chain::waiting() const {
  std::lock_guard guard{impl_->mutex};
  return impl_->plan.size();
}

caf::error transaction_chain::abort_all(uint64_t epoch, std::chrono::milliseconds timeout) {
  std::unique_lock guard{impl_->mutex};
  impl_->failure.reset();
  impl_->hindrance = {};
  impl_->plan.abort_all(epoch);
  impl_->tell();
  impl_->changed.notify_all();
  if (impl_->changed.wait_for(guard, timeout, [this] { return impl_->plan.quiet(); }))
    return {};
  return caf::make_error(errc::timed_out, "transactions did not end within "
                                            + std::to_string(timeout.count())
                                            + " ms: check that the broker answers");
}

caf::expected<std::vector<transaction_chain::number>> transaction_chain::resume(
  const group_metadata& group, const std::function<bool(const topic_partition&)>& still_ours) {
  std::lock_guard guard{impl_->mutex};
  // Parts first: nothing has them in hands while the owner is asked. When nobody asked, none goes.
  std::vector<number> dropped;
  auto left = impl_->kept;
  for (auto& [id, what] : left) {
    if (std::erase_if(what.parts, [&](const auto& part) { return !still_ours(part.commit.where); })
        > 0)
      what.suspects.reset(); // places have moved
    what.group = group;
    if (what.parts.empty())
      dropped.push_back(id);
  }
  if (!group || !impl_->plan.resume(group.epoch(), dropped))
    return caf::make_error(errc::wrong_state,
                           "transactions cannot go on: nobody asked for it, or the assignment was "
                           "given up ("
                             + group.text() + ")");
  std::erase_if(left, [](const auto& entry) { return entry.second.parts.empty(); });
  impl_->kept = std::move(left);
  impl_->changed.notify_all();
  return dropped;
}

} // namespace keyloom::kafka
