// How a source takes interjections that users define and ask for. What is asked for goes to the
// source actor, which knows where the partitions are; whatever happens to its message, it answers.
#include "actors/messages.hpp"
#include "actors/send.hpp"
#include "actors/source_impl.hpp"

namespace keyloom::actors {

namespace {

constexpr auto asked_name = "asked for";

} // namespace

void source_impl::add_interjection(detail::scheduled_interjection what) {
  auto& all = plan_->interjections;
  if (what.name.empty())
    what.name = std::to_string(all.size() + 1);
  all.push_back(std::move(what));
}

caf::actor source_impl::running_source() {
  std::lock_guard guard{limits_};
  return source_;
}

void source_impl::interject(std::string topic, int32_t partition,
                            detail::interjection_function call,
                            detail::asked_interjection::answer_function done) {
  auto& cfg = plan_->config;
  auto one_topic = !cfg.topic.empty() || cfg.topics.size() == 1;
  if (topic.empty() && one_topic)
    topic = cfg.topic.empty() ? cfg.topics.front() : cfg.topic;
  auto what = std::make_shared<detail::asked_interjection>(
    interjection_result{std::move(topic), partition, {}}, asked_name, std::move(call),
    std::move(done));
  if (what->topic().empty())
    what->fail(errc::bad_config,
               "the source reads several topics; say which: interject(topic, partition, f)");
  else if (auto to = running_source())
    post(to, ask_interjection{std::move(what)});
  else
    what->fail(errc::wrong_state, "the event source does not run; start it before");
}

void source_impl::interject_all(detail::interjection_function call,
                                detail::interjection_answers done) {
  auto what = std::make_shared<work::interjection_round>(asked_name, std::move(call),
                                                         std::move(done));
  if (auto to = running_source())
    post(to, ask_interjections{std::move(what)});
}

} // namespace keyloom::actors
