// What one event gives a batcher: a job whose payload is a set of items. The set travels as any job
// does, by reference; its items are linked into the queues of their keys and into batches where
// they lie, so that planning copies nothing. A set belongs to its partition's thread until it is
// sent, then to the batcher's, except that the executor's thread has the items of a batch while it
// is executed.
#pragma once

#include <keyloom/detail/job.hpp>

#include <any>

namespace keyloom::detail {

struct batch_job;

/// An item without its type: what its executor says of it, and its place in what the batcher plans.
struct batch_entry {
  std::string_view key; ///< without memory: no key, so the item is a key of its own
  caf::error error;     ///< what became of it; none: it went well
  std::any user_data;   ///< the user's, from `add` to the callback

  // The batcher's:
  uint64_t key_hash = 0;
  uint64_t bytes = 0;
  batch_job* set = nullptr;
  batch_entry* next = nullptr; ///< of the same key, or in the same batch
  attempts tried;              ///< counted while failed items are executed again
  bool executed = false;       ///< for the last time; it may still have to wait for one before it
};

struct batch_job : job {
  const void* owner = nullptr;     ///< whose it is: who drops or hurries its sets
  uint32_t open = 0;               ///< items that were not executed
  uint32_t executing = 0;          ///< of them, in batches under way
  bool hurried = false;            ///< its owner drains: it does not wait for others
  uint32_t again = 0;              ///< items that failed and wait to be executed again
  bool owns_data = false;          ///< nothing in it lies in the memory of its event's record
  bool told = false;               ///< its partition knows that it waits for what is parked
  std::atomic<bool> parked{false}; ///< has an item that failed and waits to be executed again; for
                                   ///< who asks why it takes so long (any thread)
  std::any user_data;              ///< the user's, of the set

  /// Stands in line for a set without items, which does nothing but wait its turn.
  batch_entry turn;

  virtual size_t size() const = 0;
  virtual batch_entry& at(size_t index) = 0;
};

} // namespace keyloom::detail
