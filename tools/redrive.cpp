#include "tools/redrive.hpp"

#include "actors/stop_signal.hpp"
#include "runtime/core/dead_letter.hpp"
#include "tools/cluster_access.hpp"
#include "tools/loader.hpp"
#include "tools/report.hpp"
#include "tools/topic_reader.hpp"

#include <keyloom/errc.hpp>

#include <algorithm>

namespace keyloom::tools {

namespace {

/// Records between two commits: what is sent twice at most when a call is killed.
constexpr uint64_t step = 10'000;

/// The next records of the dead-letter topic, up to a limit, as they were before.
class letters final : public load_source {
public:
  letters(topic_reader& from, uint64_t most) : from_(from), most_(most) {}

  caf::expected<bool> next(outgoing_record& rec) override {
    if (taken_ == most_)
      return false;
    auto letter = from_.next();
    if (!letter)
      return std::move(letter.error());
    if (*letter == nullptr)
      return false;
    rec = core::dead_letter::undo(rec.topic, **letter);
    ++taken_;
    return true;
  }

  uint64_t size() const override { return std::min(most_, taken_ + from_.size()); }

  uint64_t taken() const { return taken_; }

private:
  topic_reader& from_;
  uint64_t most_;
  uint64_t taken_ = 0;
};

struct summary {
  uint64_t read = 0;
  uint64_t sent = 0;
  uint64_t left = 0;
  caf::error problem; ///< why it ended early
};

caf::error count(letters& from, summary& into) {
  outgoing_record unused;
  for (;;) {
    auto more = from.next(unused);
    if (!more)
      return std::move(more.error());
    if (!*more)
      break;
  }
  into.read = from.taken();
  return {};
}

/// Sends records until the limit or the end, or a signal, or one is refused.
caf::error send(cluster_access& access, const redrive_options& options, topic_reader& reader,
                actors::stop_signal& stop, summary& into) {
  auto most = options.limit.value_or(UINT64_MAX);
  while (into.read < most && !stop.raised()) {
    letters part{reader, std::min(step, most - into.read)};
    loader sending{access, part, stop, std::nullopt, "sending to " + options.to};
    auto sent = sending.run(options.to);
    if (!sent)
      return std::move(sent.error());
    into.read += part.taken();
    into.sent += sent->acknowledged;
    if (sent->errors > 0) {
      into.problem = std::move(sent->first_error);
      return {};
    }
    if (sent->acknowledged < part.taken()) // a signal came between reading and sending
      return {};
    if (auto err = reader.commit())
      return err;
    into.left = reader.size();
    if (part.taken() == 0)
      break;
  }
  return {};
}

int report(const redrive_options& options, const summary& result) {
  print_report(
    {{"read", result.read}, {"sent", result.sent}, {"left", result.left}}, options.common.json,
    (options.dry_run ? "would go from " : "went from ") + options.dlq + " to " + options.to);
  if (!result.problem)
    return exit_ok;
  complain("a record was refused, so none behind the last commit counts as redriven, and they are "
           "sent again by the next call: "
           + describe(result.problem));
  return exit_failed;
}

} // namespace

int run_redrive(const redrive_options& options) {
  actors::stop_signal stop;
  auto access = cluster_access::open(options.common);
  if (!access)
    return fail(access.error());
  if (auto partitions = access->partition_count(options.to); !partitions)
    return fail(partitions.error());
  auto group = options.group.empty() ? "keyloom-redrive-" + options.dlq + "-" + options.to
                                     : options.group;
  topic_reader reader{*access, options.dlq, group};
  if (auto err = reader.find_range())
    return fail(err);
  summary result;
  result.left = reader.size();
  letters all{reader, options.limit.value_or(UINT64_MAX)};
  if (auto err = options.dry_run ? count(all, result)
                                 : send(*access, options, reader, stop, result))
    return fail(err);
  return report(options, result);
}

} // namespace keyloom::tools
