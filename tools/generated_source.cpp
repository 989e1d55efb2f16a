#include "tools/generated_source.hpp"

#include <keyloom/errc.hpp>

#include <charconv>
#include <chrono>

namespace keyloom::tools {

namespace {

constexpr uint64_t seed = 20130101;

void append(std::string& to, uint64_t number) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  to.append(digits, end);
}

void append_key(std::string& to, uint64_t key) {
  to += 'k';
  for (uint64_t power = 100'000; power > key && power > 1; power /= 10)
    to += '0';
  append(to, key);
}

uint64_t now_us() {
  using namespace std::chrono;
  auto now = system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(duration_cast<microseconds>(now).count());
}

/// Everything but the filling and the closing brace.
void append_fields(std::string& to, std::string_view key, uint64_t n, uint64_t i, uint64_t t) {
  to += "{\"k\":\"";
  to += key;
  to += "\",\"n\":";
  append(to, n);
  to += ",\"i\":";
  append(to, i);
  to += ",\"t\":";
  append(to, t);
}

} // namespace

caf::error generated_source::check(const config& cfg) {
  // The widest record there can be: the last one, if all records had the last key.
  auto last = cfg.records == 0 ? 0 : cfg.records - 1;
  std::string key;
  append_key(key, cfg.keys - 1);
  std::string widest;
  append_fields(widest, key, last, last, now_us());
  auto needed = widest.size() + 1;
  if (cfg.value_bytes >= needed)
    return {};
  return caf::make_error(errc::bad_config, "--size: " + std::to_string(cfg.value_bytes)
                                             + " bytes do not hold the fields of such records; at "
                                               "least "
                                             + std::to_string(needed) + " are needed");
}

generated_source::generated_source(const config& cfg) : cfg_(cfg), counters_(cfg.keys) {
  if (cfg.zipf)
    sampler_.emplace(cfg.keys, *cfg.zipf, seed);
}

caf::expected<bool> generated_source::next(outgoing_record& rec) {
  if (made_ == cfg_.records)
    return false;
  auto key = sampler_ ? sampler_->next() - 1 : made_ % cfg_.keys;
  if (!rec.key)
    rec.key.emplace();
  rec.key->clear();
  append_key(*rec.key, key);
  if (!rec.value)
    rec.value.emplace();
  rec.value->clear();
  append_fields(*rec.value, *rec.key, counters_[key]++, made_++, now_us());
  rec.value->resize(cfg_.value_bytes - 1, ' ');
  *rec.value += '}';
  rec.type = "load";
  return true;
}

} // namespace keyloom::tools
