// Answers who asks for a source's full state: asks each partition what it is held up by, and puts
// the answers together with what the board and the services show. One round at a time: whoever asks
// meanwhile is answered by the next one, so however many ask, a partition has one question at a
// time, and an answer is never older than its question. Owned by the source actor; its thread.
#pragma once

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "actors/source_board.hpp"

#include <caf/event_based_actor.hpp>

#include <functional>
#include <map>

namespace keyloom::actors {

class state_round {
public:
  using partitions = std::map<kafka::topic_partition, caf::actor>;

  /// `living`: who can be asked now.
  state_round(caf::event_based_actor* self, services* shared, source_board* board,
              std::function<partitions()> living);

  void ask(std::shared_ptr<state_request> what);

private:
  void begin();
  void heard(const kafka::topic_partition& where, core::partition_view&& view);
  void one_answered();
  void finish();
  source_state put_together();

  caf::event_based_actor* self_;
  services* shared_;
  source_board* board_;
  std::function<partitions()> living_;
  std::vector<std::shared_ptr<state_request>> waiting_;
  std::vector<std::shared_ptr<state_request>> asked_; ///< of the round under way
  size_t unanswered_ = 0;
  std::map<kafka::topic_partition, core::partition_view> views_;
};

/// What a source reads, for people: its topic, several with commas between them, or the pattern.
std::string topics_of(const source_config& cfg);

/// Fills in what the services know: limits, threads, budget.
void add_services(const services& from, source_state& to);

} // namespace keyloom::actors
