#include "tools/verify.hpp"

#include "tools/cluster_access.hpp"
#include "tools/progress.hpp"
#include "tools/report.hpp"
#include "tools/topic_reader.hpp"
#include "tools/verification.hpp"

#include <iostream>

namespace keyloom::tools {

namespace {

template <class Function>
caf::error read_all(topic_reader& reader, const std::string& what, Function f) {
  progress shown{what};
  const auto total = reader.size();
  uint64_t done = 0;
  constexpr uint64_t between_updates = 4096;
  return reader.read([&](const record& rec) {
    f(rec);
    if (++done % between_updates == 0)
      shown.update(done, total);
  });
}

// Both ends are taken before anything is read: what comes in meanwhile belongs to neither.
caf::error compare(cluster_access& access, const verify_options& options,
                   verification_result& result) {
  topic_reader input{access, options.topic};
  topic_reader output{access, options.out};
  for (auto* reader : {&output, &input})
    if (auto err = reader->find_range())
      return err;
  verification check;
  auto err = read_all(input, "reading " + options.topic,
                      [&check](const record& rec) { check.add_expected(rec.key, rec.value); });
  if (err)
    return err;
  err = read_all(output, "reading " + options.out,
                 [&check](const record& rec) { check.add_seen(rec.key, rec.value); });
  if (!err)
    result = check.finish();
  return err;
}

void print_json(const verification_result& result) {
  print_report({{"expected", result.expected},
                {"seen", result.seen},
                {"lost", result.lost},
                {"duplicates", result.duplicates},
                {"out_of_order", result.out_of_order},
                {"foreign", result.foreign}},
               true);
}

void print_text(const verification_result& result, const verify_options& options, bool holds) {
  auto line = [](const char* name, size_t count, const char* remark) {
    auto number = with_commas(count);
    std::cout << "  " << name << std::string(number.size() < 14 ? 14 - number.size() : 1, ' ')
              << number << "  " << remark << '\n';
  };
  auto repeats = options.exactly_once
                   ? "records that are there once more than expected"
                   : "allowed: at least once may repeat (--exactly-once forbids)";
  std::cout << options.out << (holds ? " holds what " : " does not hold what ") << options.topic
            << " holds\n";
  line("expected    ", result.expected, "records in the input");
  line("seen        ", result.seen, "of them found in the output");
  line("lost        ", result.lost, "of them missing");
  line("duplicates  ", result.duplicates, repeats);
  line("out of order", result.out_of_order, "records behind a later one of their key");
  line("foreign     ", result.foreign, "records that the input does not have");
  std::cout << std::flush;
}

} // namespace

int run_verify(const verify_options& options) {
  auto access = cluster_access::open(options.common);
  if (!access)
    return fail(access.error());
  verification_result result;
  if (auto err = compare(*access, options, result))
    return fail(err);
  auto holds = result.holds(options.exactly_once);
  if (options.common.json)
    print_json(result);
  else
    print_text(result, options, holds);
  return holds ? exit_ok : exit_failed;
}

} // namespace keyloom::tools
