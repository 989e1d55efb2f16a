// Where text to be parsed comes from, piece by piece: a file, plain or gzip, or a test's string.
// One thread; a source is read once, from its beginning.
#pragma once

#include <caf/expected.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace keyloom::tools {

class text_source {
public:
  virtual ~text_source() = default;

  /// The next piece, valid until the next call; empty at the end.
  virtual caf::expected<std::string_view> next_piece() = 0;
};

/// Opens a regular file; one that was compressed with gzip is read as what it holds.
/// errc::bad_config when there is no such file.
caf::expected<std::unique_ptr<text_source>> open_text_file(const std::string& path);

} // namespace keyloom::tools
