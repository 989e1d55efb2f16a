#!/usr/bin/env bash
# Runs an example with a month of flights: starts an embedded broker, loads the legs into the topic `legs`, runs the
# example until its group has committed all of them, and stops it as a user would, with SIGINT.
set -euo pipefail

usage() {
  cat <<'END'
usage: examples/run.sh EXAMPLE [example's options]

EXAMPLE is the name of a file in examples/ without .cpp, e.g. 02_per_key_scheduler. KEYLOOM_BUILD names the folder of
the programs (default build/release; build them with: cmake --build --preset release).
END
}

[ $# -ge 1 ] || { usage >&2 && exit 2; }
case $1 in -h | --help) usage && exit ;; esac

here=$(cd "$(dirname "$0")/.." && pwd)
build=${KEYLOOM_BUILD:-$here/build/release}
example=$build/examples/example_$1
[ -x "$example" ] || { echo "examples/run.sh: no program $example; build it first, see --help" >&2 && exit 2; }
group=$(sed -n 's/.*\.group = "\([^"]*\)".*/\1/p' "$here/examples/$1.cpp")
shift

stop() { [ -z "${1:-}" ] || { kill "$2" "$1" 2>/dev/null && wait "$1"; } || true; }
trap 'stop "${worker:-}" -TERM; stop "${broker:-}" -TERM; rm -f "${address:-}"' EXIT

address=$(mktemp)
"$build/keyloom" broker --json >"$address" &
broker=$!
until grep -q brokers "$address"; do kill -0 $broker && sleep 0.05; done
brokers=$(sed 's/.*"brokers": *"\([^"]*\)".*/\1/' "$address")
"$build/keyloom" load --brokers "$brokers" --topic legs --partitions 4 --csv "$here/examples/data/legs-2013-01.csv.gz" \
  --key-column tailnum >&2

"$example" --keyloom.brokers="$brokers" --keyloom.log.level=warning "$@" &
worker=$!
lag() {
  "$build/keyloom" offsets --brokers "$brokers" --topic legs --group "$group" --json |
    python3 -c 'import json, sys; print(sum(p["lag"] for p in json.load(sys.stdin)["partitions"]))'
}
until [ "$(lag)" = 0 ]; do
  if ! kill -0 $worker 2>/dev/null; then # it has ended by itself, and has said why
    code=0 && wait $worker || code=$?
    worker=
    exit $((code == 0 ? 1 : code))
  fi
  sleep 0.2
done
kill -INT $worker
wait $worker
worker=
