#include <keyloom/detail/interjection.hpp>
#include <keyloom/errc.hpp>

#include <utility>

namespace keyloom::detail {

asked_interjection::asked_interjection(interjection_result where, std::string name,
                                       interjection_function call, answer_function done)
  : where_(std::move(where)), name_(std::move(name)), call_(std::move(call)),
    done_(std::move(done)) {
  // nop
}

asked_interjection::~asked_interjection() {
  fail(errc::given_up, "the partition or the source ended before it was out; ask again where the "
                       "partition is now");
}

void asked_interjection::answer(caf::error reason) {
  if (auto done = std::exchange(done_, nullptr))
    done(std::move(reason));
}

void asked_interjection::fail(errc code, const std::string& why) {
  if (done_ == nullptr)
    return;
  answer(caf::make_error(code, "topic " + where_.topic + ", partition "
                                 + std::to_string(where_.partition) + ", interjection '" + name_
                                 + "': " + why));
}

} // namespace keyloom::detail
