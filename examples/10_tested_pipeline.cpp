// A pipeline that is tested without a broker: the program around it.
//
// examples/testing/mileage.hpp defines the pipeline, as a function that gets all it needs of the
// outside as an argument; here it gets the real thing, in examples/testing/mileage_test.cpp a test
// stands in for it.
//
//   examples/run.sh 10_tested_pipeline         runs it on an embedded broker with a month of
//   flights
//
// When to choose it: always, once handlers and stages have logic of their own.
#include "testing/mileage.hpp"

#include <atomic>
#include <fstream>
#include <iostream>
#include <sstream>

// Seats by tail number; read once, then shared by all threads.
class registry {
public:
  explicit registry(const std::string& file) {
    std::ifstream in{file}; // tailnum,year,type,manufacturer,model,engines,seats,...
    for (std::string line; std::getline(in, line);) {
      std::istringstream cells{line};
      std::string tail, cell;
      std::getline(cells, tail, ',');
      for (int i = 0; i < 6; ++i)
        std::getline(cells, cell, ',');
      seats_[tail] = std::atoi(cell.c_str());
    }
  }

  int seats(const std::string& tail) const {
    auto it = seats_.find(tail);
    return it == seats_.end() ? 0 : it->second;
  }

private:
  std::unordered_map<std::string, int> seats_;
};

int run(caf::actor_system& system) {
  registry aircraft{KEYLOOM_DATA_DIR "/planes.csv"};
  std::atomic<int64_t> reports = 0, miles = 0;
  keyloom::event_source<mileage::ledger> source{system, {.group = "mileage", .topic = "legs"}, [] {
                                                  return mileage::ledger{};
                                                }};
  mileage::define(source, {.seats = [&](const std::string& tail) { return aircraft.seats(tail); },
                           .send =
                             [&](const mileage::report& r) {
                               ++reports;
                               miles += r.seat_miles;
                               return caf::error{};
                             }});
  auto code = source.run(); // until a signal
  std::cout << "reports: " << reports << ", seat miles: " << miles << "\n";
  return code;
}

int main(int argc, char** argv) {
  return keyloom::exec_main(argc, argv, run);
}
