#include "tools/broker.hpp"

#include "actors/stop_signal.hpp"
#include "tools/report.hpp"

#include <keyloom/embedded_broker.hpp>

#include <iostream>

namespace keyloom::tools {

int run_broker(const broker_options& options) {
  // First, so that a signal that comes during the start ends it cleanly, too.
  actors::stop_signal stop;
  auto broker = embedded_broker::start();
  if (!broker)
    return fail(broker.error());
  if (options.json)
    print_report({{"brokers", broker->brokers()}}, true);
  else
    std::cout << "an embedded broker answers at " << broker->brokers()
              << "; its records are gone when it ends (Ctrl-C)\n"
              << std::flush;
  stop.wait();
  return exit_ok;
}

} // namespace keyloom::tools
