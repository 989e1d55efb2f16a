// The handler actor of `keyloom work --processor actor`: answers each job after the delay the job
// asks for, without blocking a thread. Delays are kept in a heap behind one tick, because CAF's
// clock is not made for a timer a job.
#pragma once

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>
#include <string>

namespace keyloom::tools {

/// What `work` asks its handler actor to do.
struct delay_job {
  int64_t delay_us = 0;
  double fail_rate = 0; ///< the fraction of attempts that fail
};

/// Whether an attempt fails, by a generator of the calling thread's own.
bool fails(double rate);

template <class Inspector>
bool inspect(Inspector& f, delay_job& x) {
  return f.object(x).fields(f.field("delay_us", x.delay_us), f.field("fail_rate", x.fail_rate));
}

} // namespace keyloom::tools

CAF_BEGIN_TYPE_ID_BLOCK(keyloom_tools, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(keyloom_tools, (keyloom::tools::delay_job))
  CAF_ADD_ATOM(keyloom_tools, keyloom::tools, wake_atom)
CAF_END_TYPE_ID_BLOCK(keyloom_tools)

namespace keyloom::tools {

/// Key and job in, the delay it took in microseconds out.
using delay_actor
  = caf::typed_actor<caf::result<int64_t>(std::string, delay_job), caf::result<void>(wake_atom)>;

delay_actor spawn_delay_actor(caf::actor_system& system);

} // namespace keyloom::tools
