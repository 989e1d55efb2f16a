// Says in the log, and on the board, which partitions stand still and what they wait for (I10). It
// looks at their meters, which costs the partitions nothing, and asks only those that stand still.
// When to speak is core::stall_watch's decision. Owned by the source actor; its thread.
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "actors/source_board.hpp"

#include <caf/event_based_actor.hpp>

#include <map>

namespace keyloom::actors {

class stall_reporter {
public:
  stall_reporter(caf::event_based_actor* self, services* shared, source_board* board);

  /// An assigned partition. Until it is opened it waits for calls from before it was revoked.
  void add(const kafka::topic_partition& where, caf::actor partition,
           std::shared_ptr<core::partition_meter> meter);
  void opened(const kafka::topic_partition& where);
  /// It is not ours any more, or has stopped.
  void remove(const kafka::topic_partition& where) { watched_.erase(where); }

  /// Looks at all of them; call it every `interval`.
  void look();
  std::chrono::milliseconds interval() const { return core::stall_watch::interval(warning_); }

private:
  struct watched {
    core::stall_watch watch;
    core::stall_watch interjections;
    caf::actor partition;
    std::shared_ptr<core::partition_meter> meter;
    bool opened = false;
    bool told = false;
  };

  void look_at_interjections(const kafka::topic_partition& where, watched& what,
                             core::steady_time now);
  void ask(const kafka::topic_partition& where, const watched& what);
  void ask_for_interjection(const kafka::topic_partition& where, const watched& what);
  void tell(const kafka::topic_partition& where, const core::partition_meter* meter,
            const std::string& why, std::chrono::milliseconds stood);
  void moved(const kafka::topic_partition& where, watched& what, std::chrono::milliseconds stood);

  caf::event_based_actor* self_;
  services* shared_;
  source_board* board_;
  std::chrono::milliseconds warning_;
  std::map<kafka::topic_partition, watched> watched_;
};

} // namespace keyloom::actors
