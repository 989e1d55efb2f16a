// librdkafka's error codes in keyloom's terms: which errc a code is, its words, and the setting or
// step that mends it. Every message of runtime/kafka is put together here, so that all of them read
// alike: what failed, why (the client's words and its name for them), what to do. Any thread; pure
// functions.
#pragma once

#include "runtime/kafka/handles.hpp"

#include <keyloom/errc.hpp>

#include <string>
#include <string_view>

namespace keyloom::kafka {

/// The client's words for `code` with its name, e.g. "Local: Timed out (_TIMED_OUT)".
std::string words(rd_kafka_resp_err_t code);

/// What to do about `code`; empty when there is nothing to say.
std::string_view remedy(rd_kafka_resp_err_t code);

/// The error "`what`: `why`; remedy". The errc follows from `code` where it says more than
/// `otherwise` does. An empty `why` stands for `words(code)`.
caf::error translate(rd_kafka_resp_err_t code, errc otherwise, const std::string& what,
                     const std::string& why = {});

/// The same for an error object; none when it is null, which is librdkafka's success.
caf::error translate(const error_handle& err, errc otherwise, const std::string& what);

} // namespace keyloom::kafka
