#include "tools/inspect.hpp"

#include "actors/state_json.hpp"
#include "tools/report.hpp"
#include "tools/top_view.hpp"

#include <iostream>

namespace keyloom::tools {

namespace {

caf::error act(inspector_access& there, const inspect_options& options) {
  inspector_target target{options.source};
  if (!options.key.empty())
    target.key = options.key;
  if (!options.pause.empty() || !options.resume.empty()) {
    target.stage = options.pause + options.resume;
    return options.pause.empty() ? there.resume(target) : there.pause(target);
  }
  if (!options.limit.empty()) {
    target.stage = options.limit;
    auto changed = there.change_limits(target, options.to);
    return changed ? caf::error{} : changed.error();
  }
  auto on = options.trace.has_value();
  return there.trace({options.source, options.topic, on ? *options.trace : *options.no_trace, on});
}

bool acts(const inspect_options& options) {
  return options.trace || options.no_trace || !options.pause.empty() || !options.resume.empty()
         || !options.limit.empty();
}

} // namespace

int run_inspect(const inspect_options& options) {
  inspector_access there{options.place};
  if (acts(options)) {
    if (auto err = act(there, options))
      return fail(err);
    print_report({{"done", true}}, options.json);
    return exit_ok;
  }
  auto seen = there.look();
  if (!seen)
    return fail(seen.error());
  if (options.json)
    print_report(actors::to_value(*seen), true);
  else
    for (auto& line : picture(to_string(options.place), *seen))
      std::cout << line << '\n';
  return exit_ok;
}

} // namespace keyloom::tools
