#include "tools/text_source.hpp"

#include <keyloom/errc.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>
#include <zlib.h>

namespace keyloom::tools {

namespace {

constexpr size_t piece_bytes = 1 << 16;

struct close_file {
  void operator()(gzFile file) const { gzclose_r(file); }
};

// zlib's gz functions read plain files, too.
class text_file : public text_source {
public:
  text_file(gzFile file, std::string path) : file_(file), path_(std::move(path)) {}

  caf::expected<std::string_view> next_piece() override {
    auto got = gzread(file_.get(), piece_.data(), piece_bytes);
    int code = Z_OK;
    const char* why = gzerror(file_.get(), &code);
    // A file that ends in the middle of its compressed data gives what there is, and this code.
    if (got < 0 || code == Z_BUF_ERROR)
      return caf::make_error(errc::decode_failed, "cannot read " + path_ + ": "
                                                    + (code == Z_ERRNO ? strerror(errno) : why));
    return std::string_view{piece_.data(), static_cast<size_t>(got)};
  }

private:
  std::unique_ptr<std::remove_pointer_t<gzFile>, close_file> file_;
  std::string path_;
  std::vector<char> piece_ = std::vector<char>(piece_bytes);
};

} // namespace

caf::expected<std::unique_ptr<text_source>> open_text_file(const std::string& path) {
  std::error_code problem;
  // What cannot be read twice, a pipe, would be empty the second time without any error.
  if (!std::filesystem::is_regular_file(path, problem))
    return caf::make_error(errc::bad_config,
                           "cannot read " + path + ": "
                             + (problem ? problem.message() : "it is not a regular file"));
  auto* file = gzopen(path.c_str(), "rb");
  if (file == nullptr)
    return caf::make_error(errc::bad_config, "cannot read " + path + ": " + strerror(errno));
  return std::unique_ptr<text_source>{std::make_unique<text_file>(file, path)};
}

} // namespace keyloom::tools
