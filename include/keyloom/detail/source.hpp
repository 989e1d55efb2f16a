// The erased event source: what `event_source<Store>` forwards to. Implemented in
// actors/source_impl.cpp.
#pragma once

#include <keyloom/detail/interjection.hpp>
#include <keyloom/detail/stage_base.hpp>
#include <keyloom/detail/store_port.hpp>
#include <keyloom/source_config.hpp>
#include <keyloom/source_state.hpp>

#include <caf/fwd.hpp>

#include <functional>
#include <memory>

namespace keyloom::core {
struct plan;
} // namespace keyloom::core

namespace keyloom::detail {

using handler_function = std::function<outcome(turn&, const record&)>;

/// Makes the store of a partition; the result is kept by its partition and freed with it.
using store_factory
  = std::function<std::unique_ptr<store_port>(const std::string& topic, int32_t partition)>;

class source {
public:
  virtual ~source() = default;

  /// The steps that define a source; allowed before `start` only.
  virtual void add_route(std::string type, handler_function handler) = 0;
  virtual void set_untyped_route(handler_function handler) = 0;
  virtual void set_default_route(handler_function handler) = 0;
  virtual uint32_t add_stage(std::unique_ptr<stage_base> stage) = 0;
  virtual void add_interjection(scheduled_interjection what) = 0;

  /// Any thread, at any time.
  virtual caf::error set_limits(uint32_t stage, const stage_limits& limits) = 0;

  /// Any thread, at any time. `done` is called once, by any thread, and must not throw. An empty
  /// topic: the one that the source reads.
  virtual void interject(std::string topic, int32_t partition, interjection_function call,
                         asked_interjection::answer_function done)
    = 0;
  virtual void interject_all(interjection_function call, interjection_answers done) = 0;

  virtual caf::error start() = 0;
  virtual void stop() = 0;
  virtual int run() = 0;
  virtual source_state state() const = 0;
  /// Any thread, at any time. `then` is called once, by any thread, and must not throw or block.
  virtual void full_state(std::function<void(source_state)> then) = 0;

  /// What was defined, for the testkit; errc::bad_config when `start` would say so.
  virtual caf::expected<std::shared_ptr<const core::plan>> definition() const = 0;
};

struct resources;

/// `make_store` is empty for a source without a store, `shared` null for one that shares nothing.
std::unique_ptr<source> make_source(caf::actor_system& system, source_config cfg,
                                    store_factory make_store, std::shared_ptr<resources> shared);

/// The error of a record whose value is null where its route expects one.
caf::error null_value_error();

/// What a codec said, as errc::decode_failed.
caf::error undecodable(caf::error reason);

} // namespace keyloom::detail
