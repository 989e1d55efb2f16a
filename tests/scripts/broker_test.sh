#!/usr/bin/env bash
# tools/broker.sh: a broker starts once, answers a Kafka client, is found, survives a stale pid file, stops.
set -euo pipefail
cd "$(dirname "$0")/../.."
KEYLOOM_BROKER_DIR=$(mktemp -d)
export KEYLOOM_BROKER_DIR
trap 'tools/broker.sh stop; rm -rf "$KEYLOOM_BROKER_DIR"' EXIT

fail() {
  echo "broker_test: $*" >&2
  exit 1
}

expect_stopped() {
  local printed
  ! printed=$(tools/broker.sh status) || fail "status exits 0 $1"
  [ "$printed" = stopped ] || fail "status prints '$printed' $1"
}

expect_stopped "before the first start"

address=$(tools/broker.sh start | tail -n 1)
echo "key:value" | kcat -b "$address" -P -t greetings -K :
record=$(kcat -b "$address" -C -t greetings -e -q -f '%k=%s')
[ "$record" = "key=value" ] || fail "a record came back as '$record'"

[ "$(tools/broker.sh start)" = "$address" ] || fail "a second start does not find the first"
[ "$(tools/broker.sh status)" = "$address" ] || fail "status does not print the address"

other=$(KEYLOOM_BROKER_DIR=$KEYLOOM_BROKER_DIR/other tools/broker.sh start)
[ "$other" != "$address" ] || fail "two folders share one broker"
KEYLOOM_BROKER_DIR=$KEYLOOM_BROKER_DIR/other tools/broker.sh stop
[ "$(tools/broker.sh status)" = "$address" ] || fail "stopping one broker stopped the other"

kill -9 "$(<"$KEYLOOM_BROKER_DIR/pid")"
while kill -0 "$(<"$KEYLOOM_BROKER_DIR/pid")" 2>/dev/null; do sleep 0.05; done
expect_stopped "after the broker was killed"
address=$(tools/broker.sh start --port "${address#*:}")
topics=$(kcat -b "$address" -L)
[[ $topics != *greetings* ]] || fail "a fresh start kept old data"

tools/broker.sh stop
expect_stopped "after stop"
