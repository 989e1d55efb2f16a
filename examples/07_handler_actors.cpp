// Handler actors: CAF actors of your own as the processors of stages.
//
// A leg passes three of them. The *registry* is statically typed and answers by value: which
// aircraft has this tail number? The *desk* is dynamically typed and answers later, through a
// response promise, as an actor does that waits for somebody else without blocking a thread. Each
// of these is one actor for all partitions. The *logbook* is one actor per aircraft, with state of
// its own: how many legs it has flown. Requests of one aircraft come in order and one at a time.
// When an actor dies, its factory makes another, and the jobs it held are tried again.
//
//   examples/run.sh 07_handler_actors          runs it on an embedded broker with a month of
//   flights
//
// When to choose it: the work has state of its own, or is an actor already. shared_actor and
// actor_pool when the state belongs to the service (a connection, a table), per_key_actor when it
// belongs to the key and may be made again from nothing: it is gone when the partition moves, when
// the actor dies, and when more keys than max_instances need one. What must not be lost belongs
// into a store. Without state, blocking(f) and compute(f) are simpler and faster.
#include <keyloom/codec/json.hpp>
#include <keyloom/handler_actor.hpp>
#include <keyloom/keyloom.hpp>

#include <caf/all.hpp>

#include <atomic>
#include <fstream>
#include <iostream>
#include <unordered_map>

struct leg {
  std::string tailnum;
  std::string dest;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(leg, tailnum, dest)

struct aircraft {
  std::string model; // empty: not in the registry
};

struct entry {
  int leg = 0; // of this aircraft, from 1
};

template <class Inspector>
bool inspect(Inspector& f, leg& x) {
  return f.object(x).fields(f.field("tailnum", x.tailnum), f.field("dest", x.dest));
}

template <class Inspector>
bool inspect(Inspector& f, aircraft& x) {
  return f.object(x).fields(f.field("model", x.model));
}

template <class Inspector>
bool inspect(Inspector& f, entry& x) {
  return f.object(x).fields(f.field("leg", x.leg));
}

CAF_BEGIN_TYPE_ID_BLOCK(flights, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(flights, (leg))
  CAF_ADD_TYPE_ID(flights, (aircraft))
  CAF_ADD_TYPE_ID(flights, (entry))
CAF_END_TYPE_ID_BLOCK(flights)

using registry = caf::typed_actor<caf::result<aircraft>(std::string, leg)>; // key, job -> result

struct registry_state {
  static inline const char* name = "registry";

  std::unordered_map<std::string, std::string> models;

  registry_state(registry::pointer, const std::string& file) {
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) { // tailnum,year,type,manufacturer,model,...
      std::istringstream cells{line};
      std::string tail, year, type, manufacturer, model;
      std::getline(cells, tail, ','), std::getline(cells, year, ','),
        std::getline(cells, type, ',');
      std::getline(cells, manufacturer, ','), std::getline(cells, model, ',');
      models[tail] = manufacturer + " " + model;
    }
  }

  registry::behavior_type make_behavior() {
    return {[this](const std::string& tail, const leg&) -> caf::result<aircraft> {
      auto i = models.find(tail);
      return i == models.end() ? aircraft{} : aircraft{i->second};
    }};
  }
};

caf::behavior desk(caf::event_based_actor* self) {
  return {[self](const std::string&, const leg& flown) -> caf::result<std::string> {
    auto answer = self->make_response_promise<std::string>();
    self->run_delayed(std::chrono::milliseconds{1}, // somebody else's answer
                      [answer, gate = "gate at " + flown.dest]() mutable { answer.deliver(gate); });
    return answer;
  }};
}

using logbook = caf::typed_actor<caf::result<entry>(std::string, leg)>;

struct logbook_state {
  static inline const char* name = "logbook";

  int legs = 0;

  logbook::behavior_type make_behavior() {
    return {[this](const std::string&, const leg&) { return entry{++legs}; }};
  }
};

int run(caf::actor_system& system) {
  using keyloom::context;
  keyloom::event_source<> source{system, {.group = "handlers", .topic = "legs"}};
  std::atomic<int> known = 0, unknown = 0, gates = 0, most = 0;

  auto log = source.stage<leg, entry>(
    "log", keyloom::per_key_actor([](caf::actor_system& sys, const std::string&) {
      return sys.spawn<logbook::stateful_impl<logbook_state>>();
    }),
    [&](context<>&, std::string_view, leg&, caf::expected<entry> noted) {
      if (!noted)
        return keyloom::outcome{noted.error()};
      for (int seen = most; seen < noted->leg && !most.compare_exchange_weak(seen, noted->leg);) {
        // another partition's aircraft moved it: look again
      }
      return keyloom::complete;
    },
    keyloom::wide_network);
  auto assign = source.stage<leg, std::string>(
    "assign", keyloom::shared_actor([](caf::actor_system& sys) { return sys.spawn(desk); }),
    [&, log](context<>& ctx, std::string_view tail, leg& flown, caf::expected<std::string> gate) {
      if (!gate)
        return keyloom::outcome{gate.error()};
      ++gates;
      return tail.empty() ? keyloom::complete : log.schedule(ctx, tail, std::move(flown));
    },
    keyloom::wide_network);
  auto identify = source.stage<leg, aircraft>(
    "identify", keyloom::shared_actor([](caf::actor_system& sys) {
      return sys.spawn<registry::stateful_impl<registry_state>>(KEYLOOM_DATA_DIR "/planes.csv");
    }),
    [&, assign](context<>& ctx, std::string_view tail, leg& flown, caf::expected<aircraft> found) {
      if (!found)
        return keyloom::outcome{found.error()};
      ++(found->model.empty() ? unknown : known);
      return assign.schedule(ctx, tail, std::move(flown)); // the next stage
    },
    keyloom::wide_network);
  source.on<leg>("legs-2013-01", keyloom::json<leg>{}, [=](context<>& ctx, leg flown) {
    auto tail = flown.tailnum;
    return identify.schedule(ctx, tail, std::move(flown));
  });

  auto code = source.run();
  std::cout << "legs by known aircraft: " << known << ", by others: " << unknown
            << ", gates assigned: " << gates
            << ", logbooks: " << source.state().stages[0].actors_made
            << ", legs in the fullest: " << most << "\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main<caf::id_block::flights>(argc, argv, run);
}
