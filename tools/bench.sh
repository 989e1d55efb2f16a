#!/usr/bin/env bash
# Builds the release, starts a real broker when none is named, and measures keyloom against the raw loop.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/bench.sh [--records N] [--rounds N] [SCENARIO...]

Loads topics on a real Kafka broker once, lets the raw loop (plain librdkafka; with the allocator of our
programs, and with the system's) and `keyloom work` read them in turn, and prints tables in Markdown:
medians of all rounds. Some scenarios are compared with each other or with what their calls alone
allow; paced ones get records at a rate and tell latency and CPU. The figures are those of this
machine; let nothing else run beside it. All of them take about half an hour. Exits 1 when a run
fails, 0 whatever the speed.

  SCENARIO      inline, compute, actor, async, forward, work-out; blocking-1ms, blocking-10ms, blocking-100ms,
                actor-10ms, async-10ms; batch, batch-10ms; zipf, zipf-by-run; keys-100k, keys-1m; partitions-24,
                partitions-1; latency, paced-8, paced-1000, idle-8, idle-1000. Exactly once: forward-eos,
                raw-eos, count-eos, blocking-1ms-eos, latency-eos, latency-raw-eos, calls-eos, stragglers-eos,
                light-eos, light-raw-eos, restore. Default: all of them
  --records N   records of those that are compared with the raw loop (default 4,000,000)
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
python3 "$keyloom_root/tools/bench/main.py" --check "$@"
install_packages "${build_packages[@]}"
provide_dependencies
build_preset release
if [ -z "${KEYLOOM_BROKER:-}" ]; then
  own_broker_dir=$(mktemp -d "${TMPDIR:-/tmp}/keyloom-bench-broker.XXXXXX")
  trap stop_own_broker EXIT
  # A thousand partitions take more than the heap that broker.sh gives it.
  export KEYLOOM_BROKER_JAVA=${KEYLOOM_BROKER_JAVA:--Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}
  KEYLOOM_BROKER=$(KEYLOOM_BROKER_DIR=$own_broker_dir "$keyloom_root/tools/broker.sh" start | tail -n 1)
  KEYLOOM_BROKER_PID=$(<"$own_broker_dir/pid")
  export KEYLOOM_BROKER_PID
fi
export KEYLOOM_BROKER KEYLOOM_BUILD=${KEYLOOM_BUILD:-$keyloom_root/build/release}
python3 "$keyloom_root/tools/bench/main.py" "$@"
