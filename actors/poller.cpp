#include "actors/poller.hpp"

#include "actors/messages.hpp"
#include "actors/send.hpp"
#include "actors/start_finder.hpp"

#include <algorithm>

namespace keyloom::actors {

using namespace std::chrono_literals;

namespace {

/// Longest nap. The client wakes the poller when records or events arrive; the nap bounds what a
/// lost wake-up costs, and keeps max.poll.interval.ms satisfied.
constexpr auto nap = 100ms;
constexpr int64_t max_batch_bytes = 4 << 20;

/// How often the ends of partitions are looked at.
constexpr auto ends_interval = 500ms;

/// Joining a group takes less; afterwards it is said again.
constexpr auto patience_with_group = 5s;
constexpr auto repeat_interval = 30s;

/// A name that begins with ^ is a pattern to the client.
std::vector<std::string> subscription(const source_config& cfg) {
  if (!cfg.pattern.empty())
    return {cfg.pattern};
  return cfg.topics.empty() ? std::vector{cfg.topic} : cfg.topics;
}

/// Size of a partition's queue in the client: all of them together may hold half the budget.
uint32_t queue_kbytes(const services& shared) {
  constexpr int64_t unknown = 16;
  auto partitions = shared.partitions > 0 ? shared.partitions : unknown;
  return static_cast<uint32_t>(
    std::clamp<int64_t>(shared.budget->limit() / 2 / partitions / 1024, 64, 65536));
}

/// Of a partition. Under exactly once the client's queues are never what is waited for, and half as
/// many messages are as fast, with 30 MB less; otherwise these are what a fast handler needs.
uint32_t queue_messages(const source_config& cfg) {
  return cfg.exactly_once ? 10'000 : 20'000;
}

} // namespace

poller::~poller() {
  if (thread_.joinable())
    thread_.join();
}

caf::error poller::start(caf::actor source, caf::actor committer) {
  source_ = std::move(source);
  committer_ = std::move(committer);
  auto& cfg = shared_.source->config;
  kafka::consumer::config consumer_cfg{cfg.brokers,
                                       cfg.group,
                                       cfg.kafka,
                                       cfg.on_gap == gap_action::go_on,
                                       cfg.skip_headers,
                                       queue_kbytes(shared_),
                                       queue_messages(cfg),
                                       [this] { wake(); },
                                       [log = shared_.log](int level, const std::string& text) {
                                         log->kafka(level, text);
                                       }};
  auto made = kafka::consumer::make(std::move(consumer_cfg));
  if (!made)
    return std::move(made.error());
  consumer_ = std::move(*made);
  topics_ = std::make_unique<topic_guard>(*consumer_, subscription(cfg), cfg.on_gap, *shared_.log);
  if (auto err = consumer_->subscribe(subscription(cfg)))
    return err;
  thread_ = std::thread{[this] { loop(); }};
  return {};
}

void poller::wake() {
  {
    std::lock_guard guard{mutex_};
    woken_ = true;
  }
  changed_.notify_one();
}

void poller::assign(std::vector<target> targets) {
  {
    std::lock_guard guard{mutex_};
    requests_.push_back([this, targets = std::move(targets)] {
      --unanswered_;
      membership_due_ = true;
      std::vector<kafka::partition_offset> starts;
      for (auto& each : targets) {
        starts.push_back(each.start);
        if (!each.meter) // the source is stopping
          continue;
        topics_->follow(each.start.where, each.topic);
        targets_.insert_or_assign(each.start.where, each);
      }
      if (auto err = consumer_->assign(starts))
        fail({}, std::move(err));
    });
  }
  wake();
}

void poller::unassign(std::vector<kafka::topic_partition> partitions) {
  {
    std::lock_guard guard{mutex_};
    requests_.push_back([this, partitions = std::move(partitions)] {
      --unanswered_;
      if (auto err = consumer_->unassign(partitions))
        fail({}, std::move(err));
      if (auto err = topics_->given_back(partitions))
        fail({}, std::move(err));
    });
  }
  wake();
}

void poller::ask_membership() {
  {
    std::lock_guard guard{mutex_};
    requests_.push_back([this] { membership_due_ = true; });
  }
  wake();
}

/// Not while a rebalance is unanswered: what was read before it must not go out under newer
/// membership (FACTS, fencing hole).
void poller::tell_membership() {
  if (!shared_.source->config.exactly_once || unanswered_ > 0
      || !std::exchange(membership_due_, false))
    return;
  if (auto group = consumer_->membership(++membership_epoch_))
    post(committer_, group_membership{std::move(group)});
  else
    membership_due_ = true;
}

void poller::finish() {
  {
    std::lock_guard guard{mutex_};
    requests_.push_back([this] {
      targets_.clear();
      topics_->stop();
      consumer_->close();
    });
    closing_ = true;
  }
  wake();
  if (thread_.joinable())
    thread_.join();
  topics_ = nullptr;
  consumer_ = nullptr;
  source_ = nullptr;
  committer_ = nullptr;
}

void poller::loop() {
  while (!consumer_->closed()) {
    carry_out_requests();
    topics_->look();
    note_ends();
    auto busy = serve_events();
    tell_membership();
    busy |= take_records();
    if (busy)
      continue;
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, nap, [this] { return woken_; });
    woken_ = false;
  }
}

void poller::carry_out_requests() {
  std::vector<std::function<void()>> requests;
  {
    std::lock_guard guard{mutex_};
    requests.swap(requests_);
  }
  for (auto& request : requests)
    request();
}

bool poller::serve_events() {
  auto any = false;
  while (auto next = consumer_->next_event(0ms)) {
    any = true;
    if (auto* gained = std::get_if<kafka::partitions_assigned>(&*next))
      on_assigned(std::move(*gained));
    else if (auto* taken = std::get_if<kafka::partitions_revoked>(&*next))
      on_revoked(std::move(*taken));
    else if (auto* answer = std::get_if<kafka::offsets_committed>(&*next))
      post(committer_, std::move(*answer));
    else if (auto* failed = std::get_if<kafka::partition_failed>(&*next))
      on_failed(std::move(*failed));
    else if (auto* topics = std::get_if<kafka::topics_identified>(&*next))
      for (auto& each : topics_->learn(*topics))
        fail(std::move(each.where), std::move(each.error));
    else if (auto& problem = std::get<kafka::client_error>(*next); problem.fatal)
      fail({}, std::move(problem.error));
    else
      warn(describe(problem.error));
  }
  return any;
}

/// While no broker is there the client complains ten times a second.
void poller::warn(const std::string& problem) {
  if (auto line = problems_.pass(problem, std::chrono::steady_clock::now()))
    shared_.log->warning(log::component::poller, *line);
}

void poller::on_assigned(kafka::partitions_assigned&& news) {
  ++unanswered_;
  std::unique_lock lock{mutex_};
  auto closing = closing_;
  lock.unlock();
  if (news.partitions.empty() || closing) {
    shared_.totals->joined = true;
    assign({}); // at once: a held event stands the group still
    return;
  }
  auto& cfg = shared_.source->config;
  auto start = start_finder{
    *consumer_,
    *shared_.log,
    cfg,
    {.limit = start_finder::limit_for(cfg), .over = [this] {
       std::lock_guard guard{mutex_};
       return closing_;
     }}}.find(news.partitions);
  if (start) {
    post(source_, assigned{std::move(*start)});
  } else {
    assign({}); // the group must not wait for a member that cannot go on
    fail({}, std::move(start.error()));
  }
}

void poller::on_revoked(kafka::partitions_revoked&& news) {
  ++unanswered_;
  for (auto& where : news.partitions) {
    targets_.erase(where);
    topics_->forget(where);
  }
  std::unique_lock lock{mutex_};
  auto answer_now = news.partitions.empty() || closing_;
  lock.unlock();
  if (answer_now)
    unassign(std::move(news.partitions));
  else
    post(source_, revoked{std::move(news.partitions), news.lost});
}

/// For who asks how far behind the partitions are; the records' own path does not need it.
void poller::note_ends() {
  auto now = std::chrono::steady_clock::now();
  if (now < next_ends_)
    return;
  next_ends_ = now + ends_interval;
  note_wait(now);
  for (auto& [where, each] : targets_)
    each.meter->end.store(consumer_->end_of(where), std::memory_order_relaxed);
}

/// A member that died keeps the group from letting anybody in, and that is no event.
void poller::note_wait(std::chrono::steady_clock::time_point now) {
  if (shared_.totals->joined || now < wait_noted_)
    return;
  auto is_first = wait_noted_ == std::chrono::steady_clock::time_point{};
  wait_noted_ = now + (is_first ? patience_with_group : repeat_interval);
  if (!is_first)
    shared_.log->info(
      "group " + shared_.source->config.group
      + " has not let this process in yet: a member that died, or does not answer, is "
        "missed after its session.timeout.ms (45 s unless set). A process with "
        "group.instance.id of its own is let in at once when it is started again");
}

bool poller::take_records() {
  auto any = false;
  for (auto& [where, from] : targets_)
    any |= take_records(from);
  return any;
}

bool poller::take_records(target& from) {
  auto credit = shared_.source->credit();
  auto window = shared_.source->config.window;
  auto& meter = *from.meter;
  if (!meter.open)
    return false;
  if (!meter.has_room(credit, window)) {
    meter.starved = true;
    if (!meter.has_room(credit, window)) // what came back in between found nobody to wake
      return false;
    meter.starved = false;
  }
  auto batch = consumer_->drain(
    from.start.where, static_cast<size_t>(core::partition_meter::intake_size(credit)),
    static_cast<size_t>(std::clamp<int64_t>(meter.account->room(), 1, max_batch_bytes)));
  if (!meter.heard && consumer_->has_heard(from.start.where))
    meter.heard = true;
  if (batch == nullptr)
    return false;
  batch->charge(meter.account);
  if (auto count = static_cast<int64_t>(batch->records().size()); count > 0) {
    meter.in_flight += count;
    auto never = std::chrono::steady_clock::rep{0};
    shared_.totals->first_record.compare_exchange_strong(
      never, std::chrono::steady_clock::now().time_since_epoch().count());
  }
  post(from.partition, std::move(batch));
  return true;
}

void poller::on_failed(kafka::partition_failed&& news) {
  if (!topics_->hold(news))
    fail(std::move(news.where), std::move(news.error));
}

void poller::fail(kafka::topic_partition where, caf::error reason) {
  post(source_, intake_failed{std::move(where), std::move(reason)});
}

} // namespace keyloom::actors
