// Every error keyloom itself raises, one sentence each. A message that carries one of these always
// names what failed (stage, key, topic, partition, offset), why, and the setting or step that mends
// it. Any thread; values only.
#pragma once

#include <keyloom/batch_errors.hpp>

#include <caf/default_enum_inspect.hpp>
#include <caf/error.hpp>
#include <caf/type_id.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace keyloom {

enum class errc : uint8_t {
  /// A setting has a value that cannot work; the message names the setting and the allowed range.
  bad_config = 1,
  /// No broker answered within the connect timeout.
  broker_unreachable,
  /// The topic does not exist on the cluster.
  topic_missing,
  /// The record's bytes are not what the codec of its route expects.
  decode_failed,
  /// A value could not be written by the codec of its target.
  encode_failed,
  /// The record's type has no handler and the source has no default handler.
  no_handler,
  /// A handler threw an exception.
  handler_failed,
  /// A processor threw an exception, or had no result for each job of its run.
  processor_failed,
  /// A finalizer threw an exception.
  finalizer_failed,
  /// A turn returned `incomplete`, but no job is pending that could complete its event.
  nothing_pending,
  /// A handler actor died while it held the job, and again when the job was tried once more.
  handler_actor_died,
  /// There is no handler actor to ask: its factory failed, it has ended, or its node is out of
  /// reach.
  no_handler_actor,
  /// A handler actor answered with another type than its stage expects.
  wrong_result_type,
  /// The broker refused an outgoing record.
  produce_failed,
  /// An offset could not be committed.
  commit_failed,
  /// The committed offset is outside of what the topic still holds.
  offset_out_of_range,
  /// A turn failed after it had changed a store that cannot undo.
  store_damaged,
  /// An operation of the Kafka client failed; the message holds its own words.
  kafka_failed,
  /// The call is not allowed in the object's present state.
  wrong_state,
  /// One or more partitions stopped because of an error.
  partition_stopped,
  /// An asynchronous function dropped its completion without a result.
  completion_dropped,
  /// A call took longer than its stage's timeout.
  timed_out,
  /// The broker refused a dead letter.
  dead_letter_refused,
  /// The executor of a batch threw an exception, or its handler actor had no error for each item.
  batch_failed,
  /// The partition is not assigned to this source.
  not_assigned,
  /// The partition was handed over, lost or stopped before the interjection was out.
  given_up,
  /// A transaction could not be committed.
  transaction_failed,
  /// Another process uses the same transactional ids, and has shut this one out.
  fenced,
  /// What the group has committed and the change log do not belong together.
  state_mismatch,
  /// No inspector answers at that address, or it speaks another version.
  no_inspector,
  /// An inspector was told to act on something that does not exist.
  no_such_part,
};

/// The name of `x`, e.g. "topic_missing". `x` must be one of the named values.
std::string to_string(errc x);

/// Parses a name as printed by `to_string`.
bool from_string(std::string_view name, errc& x);

/// Reads `x` from its integer value.
bool from_integer(std::underlying_type_t<errc> value, errc& x);

/// As caf::default_enum_inspect does, which cannot call a `from_string` for a std::string_view.
template <class Inspector>
bool inspect(Inspector& f, errc& x) {
  using integer = std::underlying_type_t<errc>;
  if (f.has_human_readable_format()) {
    auto get = [&x] { return to_string(x); };
    auto set = [&x](const std::string& name) { return from_string(name, x); };
    return f.apply(get, set);
  }
  auto get = [&x] { return static_cast<integer>(x); };
  auto set = [&x](integer value) { return from_integer(value, x); };
  return f.apply(get, set);
}

/// The text of `err` for people: the sentence it carries, or else its code's name.
std::string describe(const caf::error& err);

} // namespace keyloom

// keyloom's type ids start at 1000, so that users keep CAF's usual first id (200).
CAF_BEGIN_TYPE_ID_BLOCK(keyloom_errors, 1000)
  CAF_ADD_TYPE_ID(keyloom_errors, (keyloom::errc))
  CAF_ADD_TYPE_ID(keyloom_errors, (keyloom::batch_errors))
CAF_END_TYPE_ID_BLOCK(keyloom_errors)
CAF_ERROR_CODE_ENUM(keyloom::errc)
