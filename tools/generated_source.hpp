// The records `load` makes up: key k%06u, header type=load, and a JSON object of exactly so many
// bytes,
// {"k":key,"n":counter within the key,"i":counter overall,"t":microseconds since 1970}, filled up
// with blanks before the closing brace. Keys take turns, or come up as a Zipf distribution has it;
// the same settings give the same keys in the same order. One thread.
#pragma once

#include "tools/load_source.hpp"
#include "tools/zipf_sampler.hpp"

#include <caf/error.hpp>

#include <optional>
#include <vector>

namespace keyloom::tools {

class generated_source : public load_source {
public:
  struct config {
    uint64_t records = 0;
    uint64_t keys = 1;
    uint32_t value_bytes = 100;
    std::optional<double> zipf = std::nullopt; ///< the exponent
  };

  /// errc::bad_config when the values of so many records and keys need more bytes than that.
  static caf::error check(const config& cfg);

  explicit generated_source(const config& cfg);

  caf::expected<bool> next(outgoing_record& rec) override;
  uint64_t size() const override { return cfg_.records; }

private:
  config cfg_;
  std::optional<zipf_sampler> sampler_;
  std::vector<uint64_t> counters_; ///< of each key
  uint64_t made_ = 0;
};

} // namespace keyloom::tools
