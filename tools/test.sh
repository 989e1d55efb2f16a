#!/usr/bin/env bash
# Does everything for the tests, from packages to broker, and runs them.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/test.sh [-L LABEL...]

Sets up what the tests need (see tools/setup.sh --help), builds the presets dev, release and tsan,
starts a real Kafka broker of its own, runs the tests with ctest, and stops the broker. Exits 0 when
every test has passed.

  -L LABEL...   only tests with one of these labels; a label is a folder of tests/:
                unit, integration, examples, program, robustness, scripts, style, surface, install, ...;
                tsan: those of unit and integration that threads matter to, with the thread
                sanitizer

KEYLOOM_BROKER=HOST:PORT names a running broker to use instead.
END
}

. "$(dirname "$0")/lib/common.sh"
. "$keyloom_root/tools/lib/packages.sh"
. "$keyloom_root/tools/lib/dependencies.sh"
. "$keyloom_root/tools/lib/kafka.sh"
. "$keyloom_root/tools/lib/build.sh"

labels=()
while [ $# -gt 0 ]; do
  case $1 in
    -L) [ $# -gt 1 ] || wrong_usage "tools/test.sh: -L takes a label" ;;
    -h | --help) usage && exit ;;
    -*) wrong_usage "tools/test.sh: unknown option $1" ;;
    *)
      [ "$1" = tsan ] || [ -d "$keyloom_root/tests/$1" ] ||
        wrong_usage "tools/test.sh: no label $1, there is no folder tests/$1"
      labels+=("$1")
      ;;
  esac
  shift
done

# True when a test of a folder other than these will run.
wants_more_than() {
  local label
  for label in "${labels[@]:-all}"; do
    [[ " $* " == *" $label "* ]] || return 0
  done
  return 1
}

start_own_broker() {
  own_broker_dir=$(mktemp -d "${TMPDIR:-/tmp}/keyloom-test-broker.XXXXXX")
  trap end_all EXIT
  KEYLOOM_BROKER=$(KEYLOOM_BROKER_DIR=$own_broker_dir "$keyloom_root/tools/broker.sh" start)
}

end_all() {
  [[ ! $tsan =~ ^[0-9]+$ ]] || kill -- "-$tsan" 2>/dev/null || true
  stop_own_broker
}

stop_own_broker() {
  KEYLOOM_BROKER_DIR=$own_broker_dir "$keyloom_root/tools/broker.sh" stop
  rm -rf "$own_broker_dir"
}

# run_tests PRESET [LABEL...]
run_tests() {
  local preset=$1 selection=()
  shift
  [ $# -eq 0 ] || selection=(-L "^($(IFS='|' && echo "$*"))\$")
  # Where nobody can look, a test that fails is run once more, and both runs are shown: real brokers
  # and processes on a small machine miss a deadline now and then. A test that fails twice fails. Not
  # under the thread sanitizer: a race seen once is a race.
  local repeat=()
  [ -z "${CI:-}" ] || [ "$preset" = tsan ] || repeat=(--repeat until-pass:2)
  # One more than processors: many wait for brokers, and clang-tidy takes what others leave.
  ctest --test-dir "$keyloom_root/build/$preset" --output-on-failure --no-tests=error \
    -j "$(($(nproc) + 1))" "${repeat[@]}" "${selection[@]}" </dev/null
}

# The build for the thread sanitizer, on time that nobody else wants.
build_tsan() {
  chrt --idle --pid 0 "$BASHPID" >/dev/null 2>&1 || renice -n 19 "$BASHPID" >/dev/null
  heartbeat_seconds=120
  provide_thread_dependencies
  build_preset tsan
}

# "tsan" has a build of its own, the other labels share one.
dev=yes
tsan=yes
dev_labels=()
for label in "${labels[@]}"; do
  [ "$label" = tsan ] || dev_labels+=("$label")
done
if [ ${#labels[@]} -gt 0 ]; then
  [ ${#dev_labels[@]} -gt 0 ] || dev=
  [ ${#dev_labels[@]} -lt ${#labels[@]} ] || tsan=
fi

install_packages "${build_packages[@]}" "${test_packages[@]}"
provide_dependencies
configure_options=(-DKEYLOOM_UNITY=ON) # half the objects for a build from nothing; what was configured stays as it is
# Of dev nothing but tests: examples and program are those of release.
[ -z "$dev" ] || build_preset dev unit_tests unit_tools_tests integration_tests example_testing
if wants_more_than unit integration style surface tsan; then
  build_preset release
fi
if wants_more_than unit style surface install && [ -z "${KEYLOOM_BROKER:-}" ]; then
  provide_kafka
  start_own_broker
fi
export KEYLOOM_BROKER=${KEYLOOM_BROKER:-}
failed=
if [ -n "$tsan" ]; then
  set -m # a group of its own, which can be ended as a whole
  build_tsan &
  set +m
  tsan=$!
fi
[ -z "$dev" ] || run_tests dev "${dev_labels[@]}" || failed=yes
if [ -n "$tsan" ]; then
  wait "$tsan" && run_tests tsan || failed=yes
fi
[ -z "$failed" ]
