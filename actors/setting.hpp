// A setting of an event source: one line of the table in actors/setting_table.cpp. From that line
// come the option on the command line and its help, the reading of values from configuration file
// and command line, the check of values set in code, and the row in docs/configuration.md. A kind
// knows how values are written and what is allowed. Constants; any thread.
#pragma once

#include <keyloom/source_config.hpp>

#include <caf/config_value.hpp>

#include <span>
#include <string_view>
#include <variant>

namespace keyloom::actors {

// The kinds. In each: `unit` for people; `range`, what is allowed; `show`, the value as a
// configuration file has it; `assign` reads a value, `check` looks at the one that is there, and
// both return what is wrong and what would be right, or nothing.

/// Where a value is: in source_config itself, where there may be none, or in its retry policy.
template <class T>
struct place {
  T source_config::*direct = nullptr;
  std::optional<T> source_config::*optional = nullptr;
  T retry_policy::*of_retry = nullptr;

  constexpr place(T source_config::*member) : direct(member) {}
  constexpr place(std::optional<T> source_config::*member) : optional(member) {}
  constexpr place(T retry_policy::*member) : of_retry(member) {}

  std::optional<T> get(const source_config& cfg) const {
    if (optional != nullptr)
      return cfg.*optional;
    return direct != nullptr ? cfg.*direct : cfg.retry.*of_retry;
  }

  void set(source_config& cfg, T value) const {
    if (optional != nullptr)
      cfg.*optional = value;
    else
      (direct != nullptr ? cfg.*direct : cfg.retry.*of_retry) = value;
  }
};

struct text_kind {
  std::string source_config::*member;
  std::string_view required = {}; ///< what to give, for a setting that must not be empty

  std::string unit() const { return "text"; }
  std::string range() const;
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config& cfg) const;
};

/// Several texts: a list in a configuration file, separated by commas on the command line.
struct list_kind {
  std::vector<std::string> source_config::*member;

  std::string unit() const { return "list of texts"; }
  std::string range() const { return "no empty ones"; }
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config& cfg) const;
};

/// A whole number of something.
struct count_kind {
  place<uint32_t> member;
  std::string_view of;
  uint32_t low;
  uint32_t high;

  std::string unit() const { return std::string{of}; }
  std::string range() const;
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config& cfg) const;
};

/// An amount of memory: bytes, or a number with KiB, MiB or GiB.
struct bytes_kind {
  uint64_t source_config::*member;
  uint64_t low;
  uint64_t high;

  std::string unit() const { return "bytes"; }
  std::string range() const;
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config& cfg) const;
};

/// A time, written with its unit and kept in milliseconds.
struct duration_kind {
  place<std::chrono::milliseconds> member;
  std::chrono::milliseconds low;
  std::chrono::milliseconds high;

  std::string unit() const { return "ms, s, min, h"; }
  std::string range() const;
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config& cfg) const;
};

/// A TCP port to listen on, or none.
struct port_kind {
  std::optional<uint16_t> source_config::*member;

  std::string unit() const { return "port"; }
  std::string range() const { return "none, 0 to 65535 (0: any that is free)"; }
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config&) const { return {}; }
};

/// Yes or no.
struct flag_kind {
  bool source_config::*member;

  std::string unit() const { return "flag"; }
  std::string range() const { return "true, false"; }
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config&) const { return {}; }
};

/// One of a few names: the enumerators of `member`'s type, in their order from 0.
struct choice_kind {
  std::span<const std::string_view> names;
  size_t (*get)(const source_config&);
  void (*set)(source_config&, size_t);

  std::string unit() const { return "name"; }
  std::string range() const;
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config& cfg) const;
};

template <auto Member, const auto& Names>
constexpr choice_kind choice() {
  return {Names, [](const source_config& cfg) { return static_cast<size_t>(cfg.*Member); },
          [](source_config& cfg, size_t index) {
            using value = std::decay_t<decltype(cfg.*Member)>;
            cfg.*Member = static_cast<value>(index);
          }};
}

/// The same for a std::optional, whose first name is that of none.
template <auto Member, const auto& Names>
constexpr choice_kind optional_choice() {
  return {Names,
          [](const source_config& cfg) {
            auto& value = cfg.*Member;
            return value ? 1 + static_cast<size_t>(*value) : size_t{0};
          },
          [](source_config& cfg, size_t index) {
            using value = typename std::decay_t<decltype(cfg.*Member)>::value_type;
            auto& into = cfg.*Member;
            into.reset();
            if (index > 0)
              into = static_cast<value>(index - 1);
          }};
}

/// One of a few names, for the whole program: read from CAF's configuration where it is used.
struct program_choice_kind {
  std::span<const std::string_view> names;
  std::string_view fallback;

  std::string unit() const { return "name"; }
  std::string range() const;
  std::string show(const source_config&) const { return std::string{fallback}; }
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config&) const { return {}; }
};

/// A text for the whole program.
struct program_text_kind {
  std::string (*allowed)();
  std::string (*wrong)(const std::string&); ///< empty: nothing is

  std::string unit() const { return "text"; }
  std::string range() const { return allowed(); }
  std::string show(const source_config&) const { return {}; }
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config&) const { return {}; }
};

/// Names of somebody else, with dots in them, that are passed on with their values.
struct properties_kind {
  std::map<std::string, std::string> source_config::*member;

  std::string unit() const { return "names and values"; }
  std::string range() const { return "what librdkafka takes"; }
  std::string show(const source_config& cfg) const;
  std::string assign(const caf::config_value& value, source_config& into) const;
  std::string check(const source_config&) const { return {}; }
};

struct setting {
  std::string_view name; ///< below "keyloom."; dots separate groups
  std::variant<text_kind, list_kind, count_kind, bytes_kind, duration_kind, port_kind, flag_kind,
               choice_kind, program_choice_kind, program_text_kind, properties_kind>
    kind;
  std::string_view sentence;  ///< what it does
  char short_name = 0;        ///< of its option; 0: none
  bool while_running = false; ///< may change while the source runs
};

/// All settings, in the order people should read them.
std::span<const setting> settings_table();

std::string unit_of(const setting& which);
std::string range_of(const setting& which);
/// The value of `cfg`, as a configuration file has it; empty when it has none.
std::string show(const setting& which, const source_config& cfg);

/// Reads a value from the configuration. errc::bad_config says what is wrong, what is allowed, and
/// the nearest right value.
caf::error assign(const setting& which, const caf::config_value& value, source_config& into);

/// The same for the value that is there, which code may have set.
caf::error check(const setting& which, const source_config& cfg);

} // namespace keyloom::actors
