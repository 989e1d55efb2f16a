#include "runtime/core/output_arena.hpp"

#include <algorithm>
#include <new>

#if __has_include(<sanitizer/asan_interface.h>)
#  include <sanitizer/asan_interface.h>
#else
#  define ASAN_POISON_MEMORY_REGION(where, size) static_cast<void>(where)
#  define ASAN_UNPOISON_MEMORY_REGION(where, size) static_cast<void>(where)
#endif

namespace keyloom::core {

namespace {

/// A chunk begins at a multiple of this, so that each output finds its own.
constexpr size_t chunk_bytes = 4 * 1024;
constexpr std::align_val_t alignment{chunk_bytes};

/// Of chunks that nothing is in, while outputs wait elsewhere, and while none does.
constexpr size_t most_spare = 1024;
constexpr size_t least_spare = 8;

bool fits(size_t size) {
  return size < packed_output::null;
}

constexpr size_t rounded(size_t bytes) {
  return (bytes + alignof(packed_output) - 1) / alignof(packed_output) * alignof(packed_output);
}

} // namespace

/// One that is larger than usual holds a single output.
struct output_arena::chunk {
  size_t bytes;            ///< this included
  chunk* before = nullptr; ///< of all
  chunk* behind = nullptr;
  size_t used = rounded(sizeof(chunk));
  size_t alive = 0; ///< outputs

  static chunk& of(packed_output* output) {
    auto behind_start = reinterpret_cast<uintptr_t>(output) % chunk_bytes;
    return *reinterpret_cast<chunk*>(reinterpret_cast<char*>(output) - behind_start);
  }
};

output_arena::~output_arena() {
  while (first_ != nullptr)
    free(*first_);
}

bool output_arena::packs(const record& rec) {
  return rec.headers.empty() && fits(rec.key.size()) && fits(rec.value.size());
}

bool output_arena::takes(const outgoing_record& rec) {
  return rec.headers.empty() && !rec.timestamp_ms && fits(rec.type.size())
         && (!rec.key || fits(rec.key->size())) && (!rec.value || fits(rec.value->size()));
}

void output_arena::pack(const outgoing_record& rec, packed_outputs& into) {
  auto view = [](const std::optional<std::string>& bytes) {
    return bytes ? std::string_view{*bytes} : std::string_view{};
  };
  pack({rec.topic, view(rec.key), view(rec.value), rec.type, rec.partition}, into);
}

void output_arena::pack(const output_view& what, packed_outputs& into) {
  auto size = sizeof(packed_output) + what.key.size() + what.value.size() + what.type.size();
  auto& made = *new (allocate(rounded(size))) packed_output;
  auto* at = reinterpret_cast<char*>(&made + 1);
  auto append = [&at](std::string_view bytes) {
    at = std::copy(bytes.begin(), bytes.end(), at);
    return static_cast<uint32_t>(bytes.size());
  };
  made.topic = name_of(what.topic);
  if (what.key.data() != nullptr)
    made.key_size = append(what.key);
  if (what.value.data() != nullptr)
    made.value_size = append(what.value);
  made.type_size = append(what.type);
  made.partition = what.partition;
  into.append({&made, &made});
}

void output_arena::release(packed_outputs& which) {
  if (which.empty())
    return;
  which.for_each([this](packed_output& each) {
    --alive_;
    auto& home = chunk::of(&each);
    if (--home.alive == 0)
      drop(home);
  });
  which = {};
  while (alive_ == 0 && spare_.size() > least_spare) {
    free(*spare_.back());
    spare_.pop_back();
  }
}

void* output_arena::allocate(size_t bytes) {
  auto* home = current_;
  if (rounded(sizeof(chunk)) + bytes > chunk_bytes)
    home = fresh(rounded(sizeof(chunk)) + bytes);
  else if (home == nullptr || home->used + bytes > home->bytes)
    home = current_ = fresh(chunk_bytes);
  auto* result = reinterpret_cast<char*>(home) + home->used;
  ASAN_UNPOISON_MEMORY_REGION(result, bytes);
  home->used += bytes;
  ++home->alive;
  ++alive_;
  return result;
}

output_arena::chunk* output_arena::fresh(size_t bytes) {
  if (bytes == chunk_bytes && !spare_.empty()) {
    auto* result = spare_.back();
    spare_.pop_back();
    result->used = rounded(sizeof(chunk));
    return result;
  }
  bytes_ += bytes;
  auto* result = new (::operator new(bytes, alignment)) chunk{.bytes = bytes, .behind = first_};
  if (first_ != nullptr)
    first_->before = result;
  return first_ = result;
}

void output_arena::drop(chunk& empty) {
  ASAN_POISON_MEMORY_REGION(&empty + 1, empty.bytes - sizeof(chunk)); // who still reads it is told
  if (&empty == current_)
    empty.used = rounded(sizeof(chunk));
  else if (empty.bytes == chunk_bytes && spare_.size() < most_spare)
    spare_.push_back(&empty);
  else
    free(empty);
}

void output_arena::free(chunk& which) {
  ASAN_UNPOISON_MEMORY_REGION(&which, which.bytes);
  bytes_ -= which.bytes;
  (which.before == nullptr ? first_ : which.before->behind) = which.behind;
  if (which.behind != nullptr)
    which.behind->before = which.before;
  ::operator delete(&which, alignment);
}

const std::string* output_arena::name_of(std::string_view topic) {
  if (last_topic_ != nullptr && *last_topic_ == topic)
    return last_topic_;
  auto known = topics_.find(topic);
  last_topic_ = &*(known != topics_.end() ? known : topics_.emplace(topic).first);
  return last_topic_;
}

outgoing_record packed_output::unpack() const {
  return output_view{*topic, key(), value(), type(), partition}.copy();
}

outgoing_record output_view::copy() const {
  auto text = [](std::string_view bytes) {
    return bytes.data() == nullptr ? std::nullopt : std::optional{std::string{bytes}};
  };
  return {.topic = std::string{topic},
          .key = text(key),
          .value = text(value),
          .type = std::string{type},
          .partition = partition};
}

} // namespace keyloom::core
