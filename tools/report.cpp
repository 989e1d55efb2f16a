#include "tools/report.hpp"

#include <keyloom/errc.hpp>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>

namespace keyloom::tools {

namespace {

std::string dump(const nlohmann::ordered_json& value) {
  // Keys and topics may hold any bytes; a report is no place to throw about them.
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string for_people(const nlohmann::ordered_json& value) {
  if (value.is_number_unsigned())
    return with_commas(value.get<uint64_t>());
  return value.is_string() ? value.get<std::string>() : dump(value);
}

} // namespace

int exit_code(const caf::error& err) {
  if (!err)
    return exit_ok;
  if (err == errc::broker_unreachable || err == errc::no_inspector)
    return exit_unreachable;
  return err == errc::bad_config ? exit_usage : exit_failed;
}

void complain(std::string_view text) {
  std::cerr << "keyloom: error: " << text << std::endl;
}

int fail(const caf::error& err) {
  complain(describe(err));
  return exit_code(err);
}

void print_report(const nlohmann::ordered_json& report, bool json, const std::string& headline) {
  if (json) {
    std::cout << dump(report) << std::endl;
    return;
  }
  if (!headline.empty())
    std::cout << headline << '\n';
  size_t width = 0;
  for (const auto& entry : report.items())
    width = std::max(width, entry.key().size());
  for (const auto& entry : report.items())
    if (entry.value().is_primitive())
      std::cout << "  " << std::left << std::setw(static_cast<int>(width) + 2) << entry.key()
                << for_people(entry.value()) << '\n';
  std::cout << std::flush;
}

double rounded(double value, int digits) {
  auto scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

} // namespace keyloom::tools
