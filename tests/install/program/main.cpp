// A program outside of keyloom's tree: starts an embedded broker, prints its address, and adds up
// the numbers that arrive in the topic "numbers" until a record says "end"; prints the sum.
#include <keyloom/codec/json.hpp>
#include <keyloom/embedded_broker.hpp>
#include <keyloom/handler_actor.hpp>
#include <keyloom/keyloom.hpp>

#include <future>
#include <iostream>

using namespace keyloom;

namespace {

caf::behavior adder() {
  return {[](const std::string&, int64_t number) { return number; }};
}

int run(caf::actor_system& system) {
  auto broker = embedded_broker::start();
  if (!broker || broker->create_topic("numbers", 1))
    return 1;
  std::cout << broker->brokers() << std::endl;

  int64_t sum = 0; // there is one partition, so one finalizer at a time
  std::promise<void> ended;
  event_source<> source{system,
                        {.group = "outside", .topic = "numbers", .brokers = broker->brokers()}};
  auto add = source.stage<int64_t, int64_t>(
    "add", shared_actor([](caf::actor_system& in) { return in.spawn(adder); }),
    [&sum](context<>&, std::string_view, int64_t&, caf::expected<int64_t> number) -> outcome {
      sum += *number;
      return complete;
    });
  source.on<int64_t>("number", json<int64_t>{}, [=](context<>& ctx, int64_t number) {
    return add.schedule(ctx, "sum", number);
  });
  source.on<std::string>("end", text{}, [&ended](context<>&, const std::string&) {
    ended.set_value();
    return complete;
  });
  if (source.start())
    return 1;
  ended.get_future().wait();
  source.stop();
  std::cout << sum << std::endl;
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  return exec_main(argc, argv, run);
}
