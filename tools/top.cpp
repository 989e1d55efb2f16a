#include "tools/top.hpp"

#include "actors/stop_signal.hpp"
#include "tools/report.hpp"
#include "tools/top_view.hpp"

#include <curses.h>
#include <unistd.h>

#include <future>

namespace keyloom::tools {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_interval{1000};
/// How long a key is waited for, and so how late a signal or a look may be noticed.
constexpr int key_patience_ms = 100;
/// A process that has not answered by then is away.
constexpr std::chrono::milliseconds answer_patience{3000};

constexpr short alert_colour = 1;
constexpr short quiet_colour = 2;

/// The terminal, from here to the end of its life.
class screen {
public:
  screen() {
    initscr();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    timeout(key_patience_ms);
    if (has_colors()) {
      start_color();
      use_default_colors();
      init_pair(alert_colour, COLOR_RED, -1);
      init_pair(quiet_colour, COLOR_CYAN, -1);
    }
  }
  ~screen() { endwin(); }
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

  void draw(top_view& view) {
    erase();
    auto height = static_cast<size_t>(std::max(LINES, 1));
    auto all = view.lines(static_cast<size_t>(std::max(COLS, 1)), height);
    for (size_t i = 0; i < all.size(); ++i) {
      auto attributes = attributes_of(all[i]);
      attron(attributes);
      mvaddnstr(static_cast<int>(i), 0, all[i].text.c_str(), COLS);
      attroff(attributes);
    }
    refresh();
  }

private:
  static int attributes_of(const shown_line& line) {
    auto result = line.chosen ? A_REVERSE : A_NORMAL;
    switch (line.how) {
      case emphasis::title:
      case emphasis::heading:
        return static_cast<int>(result | A_BOLD);
      case emphasis::alert:
        return static_cast<int>(result | A_BOLD | COLOR_PAIR(alert_colour));
      case emphasis::quiet:
        return static_cast<int>(result | COLOR_PAIR(quiet_colour));
      default:
        return static_cast<int>(result);
    }
  }
};

/// False: q.
bool handle(int key, top_view& view) {
  using command = top_view::command;
  switch (key) {
    case 'q':
      return false;
    case KEY_UP:
    case 'k':
      view.press(command::up);
      break;
    case KEY_DOWN:
    case 'j':
      view.press(command::down);
      break;
    case KEY_PPAGE:
      view.press(command::page_up);
      break;
    case KEY_NPAGE:
      view.press(command::page_down);
      break;
    case KEY_ENTER:
    case '\n':
    case '\r':
    case KEY_RIGHT:
      view.press(command::enter);
      break;
    case KEY_BACKSPACE:
    case 127:
    case '\b':
    case KEY_LEFT:
      view.press(command::back);
      break;
    case 's':
      view.press(command::sort);
      break;
    default:
      break; // none came, or the terminal has another size
  }
  return true;
}

} // namespace

int run_top(const top_options& options) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    complain("keyloom top needs a terminal; keyloom inspect prints the same once");
    return exit_usage;
  }
  actors::stop_signal stop;
  auto place = options.place;
  place.timeout = std::min(place.timeout, answer_patience);
  inspector_access there{place};
  auto first = there.look();
  if (!first)
    return fail(first.error());
  top_view view{to_string(place)};
  view.show(std::move(*first), steady_clock::now());
  screen terminal;
  auto next_look = steady_clock::now() + look_interval;
  std::future<caf::expected<system_state>> looking; // the screen does not wait for it
  for (auto goes_on = true; goes_on && !stop.raised();) {
    if (looking.valid() && looking.wait_for(std::chrono::seconds{0}) == std::future_status::ready) {
      if (auto seen = looking.get())
        view.show(std::move(*seen), steady_clock::now());
      else
        view.away(describe(seen.error()));
      next_look = steady_clock::now() + look_interval;
    } else if (!looking.valid() && steady_clock::now() >= next_look) {
      looking = std::async(std::launch::async, [&there] { return there.look(); });
    }
    terminal.draw(view);
    goes_on = handle(getch(), view);
  }
  return exit_ok;
}

} // namespace keyloom::tools
