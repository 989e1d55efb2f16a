#!/usr/bin/env bash
# Builds the release, starts a real broker when none is named, and measures keyloom against the raw loop.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/bench.sh [--records N] [--rounds N] [SCENARIO...]

Loads topics on a real Kafka broker once, lets the raw loop (plain librdkafka; with the allocator of our
programs, and with the system's) and `keyloom work` read them in turn, and prints a table in Markdown:
medians of all rounds. The figures are those of this
machine; let nothing else run beside it. Exits 1 when a run fails, 0 whatever the speed.

  SCENARIO      inline, compute, actor, async, blocking-1ms, forward; default: all of them
  --records N   records in the topic (default 4,000,000); blocking-1ms reads a tenth of it
  --rounds N    how often each is measured (default 3)

KEYLOOM_BROKER=HOST:PORT names a running broker to use instead of one of its own.
END
}

. "$(dirname "$0")/lib/common.sh"
. "$keyloom_root/tools/lib/packages.sh"
. "$keyloom_root/tools/lib/dependencies.sh"
. "$keyloom_root/tools/lib/build.sh"

for option in "$@"; do
  case $option in
    -h | --help) usage && exit ;;
  esac
done

stop_own_broker() {
  KEYLOOM_BROKER_DIR=$own_broker_dir "$keyloom_root/tools/broker.sh" stop
  rm -rf "$own_broker_dir"
}

# Wrong options are told before anything is built.
python3 "$keyloom_root/tools/bench.py" --check "$@"
install_packages "${build_packages[@]}"
provide_dependencies
build_preset release
if [ -z "${KEYLOOM_BROKER:-}" ]; then
  own_broker_dir=$(mktemp -d "${TMPDIR:-/tmp}/keyloom-bench-broker.XXXXXX")
  trap stop_own_broker EXIT
  KEYLOOM_BROKER=$(KEYLOOM_BROKER_DIR=$own_broker_dir "$keyloom_root/tools/broker.sh" start | tail -n 1)
fi
export KEYLOOM_BROKER KEYLOOM_BUILD=${KEYLOOM_BUILD:-$keyloom_root/build/release}
python3 "$keyloom_root/tools/bench.py" "$@"
