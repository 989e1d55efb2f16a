// What `keyloom top` shows, as lines of text, without a terminal: the overview, with what stands
// still first, and the pages behind a partition, a stage, a batcher or a key. It is given one look
// after the other and knows the rates between them; commands choose a line, look into it, go back,
// sort. Pure: no clock, no I/O. One thread.
#pragma once

#include <keyloom/inspector.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace keyloom::tools {

/// How a line is to look.
enum class emphasis : uint8_t { plain, title, heading, alert, quiet };

struct shown_line {
  std::string text;
  emphasis how = emphasis::plain;
  bool chosen = false;
};

class top_view {
public:
  using time_point = std::chrono::steady_clock::time_point;

  enum class command : uint8_t { up, down, page_up, page_down, enter, back, sort };

  /// What is looked into, for the title.
  explicit top_view(std::string place);

  /// A look, taken at `now`.
  void show(system_state seen, time_point now);

  /// The process does not answer; the last look stays.
  void away(std::string why) { away_ = std::move(why); }

  void press(command what);

  /// At most `height` lines of at most `width` bytes; those around the chosen one, when there are
  /// more.
  std::vector<shown_line> lines(size_t width, size_t height);

private:
  enum class order : uint8_t { age, lag, in_flight, name };

  /// What a line is about; also the name of the page behind it.
  struct subject {
    enum class kind : uint8_t { partition, stage, key } what = kind::partition;
    size_t source = 0;
    std::string topic = {};
    int32_t partition = 0;
    std::string stage = {}; ///< or batcher
    std::optional<std::string> key = {};
    int64_t offset = -1; ///< of a key's row without a key
    bool operator==(const subject&) const = default;
  };

  struct row {
    shown_line line;
    std::optional<subject> about;
  };

  struct rate {
    uint64_t records = 0; ///< a second
    uint64_t out = 0;
  };

  static subject about(const key_state& key, size_t source);
  static void choose_once(std::vector<row>& rows);

  std::vector<row> page() const;
  void add_head(std::vector<row>& to) const;
  void add_standing(std::vector<row>& to) const;
  void add_source(std::vector<row>& to, size_t index) const;
  void add_partitions(std::vector<row>& to, size_t index) const;
  void add_stages(std::vector<row>& to, size_t index) const;
  void add_batchers(std::vector<row>& to, size_t index) const;
  void add_keys(std::vector<row>& to, size_t index, const std::optional<subject>& only) const;
  void add_page_of(std::vector<row>& to, const subject& what) const;
  void add_partition_page(std::vector<row>& to, const subject& what) const;
  void add_stage_page(std::vector<row>& to, const subject& what) const;
  void add_key_page(std::vector<row>& to, const subject& what) const;
  std::optional<rate> rate_of(size_t source) const;
  std::optional<int64_t> rate_of(size_t source, const partition_state& of) const;
  size_t chosen_in(const std::vector<row>& rows) const;
  void choose(int64_t steps);

  std::string place_;
  system_state seen_;
  system_state before_;
  time_point seen_at_{};
  time_point before_at_{};
  bool looked_ = false;
  std::string away_;
  order order_ = order::age;
  std::optional<subject> chosen_;
  std::vector<subject> pages_; ///< the open one last; empty: the overview
  size_t height_ = 24;
};

/// The overview alone, whole, for who reads it as text.
std::vector<std::string> picture(const std::string& place, const system_state& seen);

} // namespace keyloom::tools
