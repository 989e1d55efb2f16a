// One partition with handlers, jobs, finalizers, interjections, an output gate, pipelined
// transactions and crashes, all at random: a port of the executable model that the rules of exactly
// once were found with. The gate is the real one; topic, change log and committed offsets are
// lists. What the gate lets leave is compared with the greatest closed set by its definition
// (gate_model), and after every commit what a reader of these lists would see with what the turns
// of the committed events give alone. The same seed gives the same run.
//
// Every rule can be broken, to see that the checks notice: those that the gate has, by telling it
// less or by taking its answer apart; those of others by doing them wrong.
#pragma once

#include "runtime/core/output_gate.hpp"
#include "runtime/core/turn_changes.hpp"
#include "tests/unit/core/gate_model.hpp"

#include <map>
#include <memory>

namespace keyloom::test {

/// splitmix64: cheap to start, and there is one for each plan.
class small_random {
public:
  explicit small_random(uint64_t seed) : state_(seed) {}

  uint64_t operator()() {
    auto z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  uint64_t below(uint64_t end) { return (*this)() % end; }
  bool chance(double p) { return static_cast<double>((*this)() >> 11) < p * 0x1p53; }

private:
  uint64_t state_;
};

struct gate_rules {
  output_order order = output_order::by_key;
  store_scope scope = store_scope::tracked;
  bool serial = false;   ///< a handler waits until its key's earlier events are complete
  uint32_t close_at = 0; ///< or until they are, once there are so many
  bool coalesce = true;

  // What can be broken.
  bool tell_writes = true;
  bool tell_reads = true;
  bool interjections_hold = true;
  bool complete_order = true;
  bool cycles_leave = true; ///< false: events that need each other wait for each other
  bool cut_in_sets = true;  ///< false: what a map cannot name is cut at the prefix
  bool keep_map = true;     ///< false: it is dropped from the map
  bool entries_by_turn = true;
  bool coalesce_recorded = true;
  bool inherit = true;
  bool produce_in_order = true;
  bool abort_successors = true;
  bool restore_to_end = true;
  bool atomic_turns = true;

  /// Whether the gate is told all and asked for all.
  bool whole() const {
    return tell_writes && tell_reads && interjections_hold && complete_order && cycles_leave
           && cut_in_sets && keep_map && inherit && abort_successors;
  }
};

struct gate_profile {
  const char* name;
  bool own = true; ///< turns use parts of the store that belong to their record key
  double shared_write = 0;
  double shared_read = 0;
  double early = .6; ///< turns before the last one write, too
  bool nondeterministic = true;
  double interject = .06;
  size_t map_room = 1000;
  double no_key = .1;
  double holes = .2;
  double crash = .012;
  double fail = 0;
};

class gate_world {
public:
  gate_world(const gate_rules& rules, const gate_profile& profile, uint64_t seed, size_t records);
  ~gate_world();

  /// Runs to the end. Empty, or what was wrong.
  std::string run();

private:
  struct op {
    enum class kind { read, write, overwrite, remove, scan } what; ///< overwrite: without reading
    int cell; ///< negative: a cell of the event's own
  };

  struct turn_plan {
    std::vector<op> ops;
    uint64_t stage_key;
    bool output;
  };

  struct sim_turn {
    int owner;
    uint64_t number;
    std::vector<std::pair<int, int>> reads; ///< cells and values
    std::vector<std::pair<int, int>> writes;
    std::vector<int> outputs;
    core::turn_changes changes;
  };

  struct sim_event;
  struct attempt;

  struct log_record {
    int64_t offset;
    uint64_t key; ///< 0: none
    int part;     ///< of the store: its key's, or one of its own
  };

  struct output {
    const sim_event* from;
    size_t place;
    int value;
    bool operator==(const output&) const = default;
    auto operator<=>(const output&) const = default;
  };

  // -- one owner after the other (gate_world.cpp)
  core::progress committed() const;
  std::vector<int> restored() const;
  void start();
  void crash();

  // -- events and turns (gate_world.cpp)
  std::vector<turn_plan> plan(uint64_t ident, bool interjection) const;
  sim_event& make_event(int64_t offset, uint64_t key, int part, uint64_t ident);
  void poll();
  void interject();
  void pass(sim_event& ev, std::optional<uint64_t> key);
  bool may_run(const sim_event& ev) const;
  bool handle_next();
  bool run_job();
  int cell_of(const sim_event& ev, int cell) const;
  void turn(sim_event& ev);
  void try_in_vain(const sim_event& ev, const std::vector<op>& ops);
  void do_op(sim_event& ev, const op& what, sim_turn& in, int& acc);
  void tell(sim_event& ev, const std::vector<op>& ops, sim_turn& done);

  // -- transactions (gate_world_transactions.cpp)
  void build();
  void send_again(const core::output_gate::transaction& what);
  void cut(std::vector<sim_event*>& leaving);
  void fill(attempt& into, std::span<core::turn_changes* const> turns);
  std::vector<core::turn_changes*> turns_of(const std::vector<sim_event*>& events) const;
  void advance(size_t place);
  void abort(size_t place);

  // -- what must hold (gate_world_checks.cpp)
  void wrong(const std::string& what);
  void check_choice(const core::output_gate::transaction* got);
  void check(bool at_end = false);
  void check_outputs(const std::vector<sim_event*>& events);
  void check_progress(const std::vector<sim_event*>& events, bool at_end);
  void check_store(const std::vector<sim_event*>& events);

  gate_rules rules_;
  gate_profile profile_;
  uint64_t seed_;
  small_random random_;
  std::string violation_;

  // Kafka
  std::vector<log_record> log_;
  int parts_;
  std::vector<std::pair<const attempt*, output>> topic_;
  std::vector<std::pair<const attempt*, std::pair<int, int>>> changelog_;
  std::vector<attempt*> offsets_; ///< in the order they were sent
  std::vector<std::unique_ptr<attempt>> attempts_;
  std::vector<std::unique_ptr<sim_event>> all_events_;

  // of this owner
  int owner_ = 0;
  std::unique_ptr<core::output_gate> gate_;
  std::unique_ptr<gate_model> model_;
  core::progress base_;
  size_t position_ = 0; ///< in log_
  std::vector<int> store_;
  std::vector<sim_event*> events_;
  std::vector<sim_event*> todo_;
  std::vector<sim_event*> queues_[3]; ///< by stage key
  std::vector<attempt*> open_;
  std::vector<attempt*> numbered_;    ///< by the gate's number, less one: the last attempt
  std::vector<sim_event*> held_back_; ///< broken rule: the gate let them leave
  uint64_t last_turn_ = 0;
  core::entry_chooser chooser_;
};

} // namespace keyloom::test
