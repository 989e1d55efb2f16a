#include <keyloom/errc.hpp>

#include <caf/message.hpp>
#include <caf/type_id_list.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace keyloom {

namespace {

struct named {
  errc value;
  std::string_view name;
};

constexpr std::array names{
  named{errc::bad_config, "bad_config"},
  named{errc::broker_unreachable, "broker_unreachable"},
  named{errc::topic_missing, "topic_missing"},
  named{errc::decode_failed, "decode_failed"},
  named{errc::encode_failed, "encode_failed"},
  named{errc::no_handler, "no_handler"},
  named{errc::handler_failed, "handler_failed"},
  named{errc::processor_failed, "processor_failed"},
  named{errc::finalizer_failed, "finalizer_failed"},
  named{errc::nothing_pending, "nothing_pending"},
  named{errc::handler_actor_died, "handler_actor_died"},
  named{errc::no_handler_actor, "no_handler_actor"},
  named{errc::wrong_result_type, "wrong_result_type"},
  named{errc::produce_failed, "produce_failed"},
  named{errc::commit_failed, "commit_failed"},
  named{errc::offset_out_of_range, "offset_out_of_range"},
  named{errc::store_damaged, "store_damaged"},
  named{errc::kafka_failed, "kafka_failed"},
  named{errc::wrong_state, "wrong_state"},
  named{errc::partition_stopped, "partition_stopped"},
  named{errc::completion_dropped, "completion_dropped"},
  named{errc::timed_out, "timed_out"},
  named{errc::dead_letter_refused, "dead_letter_refused"},
  named{errc::batch_failed, "batch_failed"},
  named{errc::not_assigned, "not_assigned"},
  named{errc::given_up, "given_up"},
  named{errc::transaction_failed, "transaction_failed"},
  named{errc::fenced, "fenced"},
  named{errc::state_mismatch, "state_mismatch"},
  named{errc::no_inspector, "no_inspector"},
  named{errc::no_such_part, "no_such_part"},
};

} // namespace

std::string to_string(errc x) {
  for (const auto& entry : names)
    if (entry.value == x)
      return std::string{entry.name};
  return "errc(" + std::to_string(static_cast<int>(x)) + ")";
}

bool from_string(std::string_view name, errc& x) {
  for (const auto& entry : names) {
    if (entry.name == name) {
      x = entry.value;
      return true;
    }
  }
  return false;
}

bool from_integer(std::underlying_type_t<errc> value, errc& x) {
  for (const auto& entry : names) {
    if (static_cast<std::underlying_type_t<errc>>(entry.value) == value) {
      x = entry.value;
      return true;
    }
  }
  return false;
}

std::string describe(const caf::error& err) {
  if (!err)
    return to_string(err); // it has no context to ask for
  const auto& context = err.context();
  for (size_t i = 0; i < context.size(); ++i)
    if (context.match_element<std::string>(i))
      return context.get_as<std::string>(i);
  return to_string(err);
}

} // namespace keyloom
