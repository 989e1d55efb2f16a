#!/usr/bin/env bash
# Starts, finds and stops a real Kafka broker on this machine.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/broker.sh start [--port P] | stop | status

  start     starts a single-node Kafka on 127.0.0.1, on port P or a free one, with empty data, and
            returns when it answers; the last line of stdout is its address, HOST:PORT.
            A broker that runs already is found: its address is printed.
  stop      ends it and waits for its end.
  status    prints its address and exits 0, or prints "stopped" and exits 1.

The first start fetches Kafka with Maven into the cache, and installs Maven and Java when missing.
  KEYLOOM_CACHE        the cache folder (default: ~/.cache/keyloom)
  KEYLOOM_BROKER_DIR   where this broker keeps data, log and pid (default: broker in the cache);
                       another folder makes another broker
  KEYLOOM_BROKER_JAVA  options of the Java machine (default: 256 MB, quick to start)
END
}

. "$(dirname "$0")/lib/common.sh"
. "$keyloom_root/tools/lib/packages.sh"
. "$keyloom_root/tools/lib/kafka.sh"

broker_dir=${KEYLOOM_BROKER_DIR:-$keyloom_cache/broker}
read -ra java_options <<<"${KEYLOOM_BROKER_JAVA:--Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}"
start_seconds=60
stop_seconds=15

# The process of this folder's broker: a pid file may outlive its process, and the number be reused.
running_pid() {
  local pid
  pid=$(cat "$broker_dir/pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" |
    grep -qF "kafka.Kafka $broker_dir/server.properties" || return 1
  echo "$pid"
}

# Asks the broker for its API versions (request 18, correlation 1): true when it answers that.
answers() {
  local reply
  reply=$(timeout 2 bash -c '
    exec 3<>"/dev/tcp/${0%:*}/${0#*:}" || exit 1
    printf "\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff" >&3
    head -c 8 <&3 | od -An -tx1 -j4' "$1" 2>/dev/null) || return 1
  [ "$reply" = " 00 00 00 01" ]
}

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range from which the kernel gives ports to clients.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    [ "$port" = "${1:-}" ] || is_taken "$port" || break
  done
  echo "$port"
}

write_properties() {
  sed -e "s|@PORT@|$1|g" -e "s|@CONTROLLER_PORT@|$(free_port "$1")|g" -e "s|@DIR@|$broker_dir|g" \
    "$keyloom_root/tools/broker/server.properties" >"$broker_dir/server.properties"
}

format_storage() {
  "$java" -Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$(kafka_folder)/*" \
    kafka.tools.StorageTool format --cluster-id a2V5bG9vbS1icm9rZXIhIQ \
    --config "$broker_dir/server.properties" >"$broker_dir/format.log" 2>&1 </dev/null
}

# Of its own session and without our lock, so that it outlives this script and its terminal.
launch() {
  setsid "$java" "${java_options[@]}" \
    -Dlog4j2.configurationFile="$keyloom_root/tools/broker/log4j2.properties" \
    -cp "$(kafka_folder)/*" kafka.Kafka "$broker_dir/server.properties" \
    >"$broker_dir/broker.log" 2>&1 </dev/null 9>&- &
  echo $! >"$broker_dir/pid"
}

await_answer() {
  local address=$1 deadline=$((SECONDS + start_seconds))
  while [ "$SECONDS" -lt "$deadline" ]; do
    if grep -qs 'Kafka Server started' "$broker_dir/broker.log" && answers "$address"; then
      return
    fi
    kill -0 "$(<"$broker_dir/pid")" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}

start_new() {
  local port=${1:-$(free_port)} java
  java=$(find_java)
  ! is_taken "$port" ||
    die "port $port of 127.0.0.1 is in use" "choose another with --port, or leave --port out"
  say "starting Kafka on 127.0.0.1:$port ..."
  rm -rf "$broker_dir"/{data,address,pid}
  write_properties "$port"
  if ! format_storage; then
    tail -n 20 "$broker_dir/format.log" >&2
    die "Kafka cannot format its data folder $broker_dir/data" "check the disk's free space"
  fi
  launch
  if ! await_answer "127.0.0.1:$port"; then
    stop_broker
    tail -n 20 "$broker_dir/broker.log" >&2
    die "Kafka did not answer within $start_seconds s" \
      "the whole log: $broker_dir/broker.log; 400 MB of free memory are needed"
  fi
  echo "127.0.0.1:$port" >"$broker_dir/address"
}

start_broker() {
  local port=$1 address
  provide_kafka
  mkdir -p "$broker_dir" || die "cannot create $broker_dir" "set KEYLOOM_BROKER_DIR to another folder"
  exec 9>"$broker_dir/lock"
  flock 9
  if running_pid >/dev/null && [ -f "$broker_dir/address" ]; then
    address=$(<"$broker_dir/address")
    [ -z "$port" ] || [ "$address" = "127.0.0.1:$port" ] ||
      say "a broker runs already, on another port: $address (tools/broker.sh stop ends it)"
  else
    stop_broker # one that never came to answer
    start_new "$port"
  fi
  cat "$broker_dir/address"
}

stop_broker() {
  local pid deadline=$((SECONDS + stop_seconds))
  if pid=$(running_pid); then
    kill "$pid" 2>/dev/null || true
    while running_pid >/dev/null; do
      [ "$SECONDS" -lt "$deadline" ] || kill -9 "$pid" 2>/dev/null || true
      sleep 0.05
    done
  fi
  rm -f "$broker_dir"/{pid,address}
}

print_status() {
  if running_pid >/dev/null && [ -f "$broker_dir/address" ] && answers "$(<"$broker_dir/address")"; then
    cat "$broker_dir/address"
  else
    echo stopped
    return 1
  fi
}

check_port() {
  [[ $1 =~ ^[0-9]{1,5}$ ]] && ((10#$1 >= 1 && 10#$1 <= 65535)) ||
    wrong_usage "tools/broker.sh: --port takes a number from 1 to 65535, not '$1'"
}

port=
command=${1:-}
[ $# -eq 0 ] || shift
while [ $# -gt 0 ]; do
  case $command$1 in
    start--port=*) port=${1#*=} && check_port "$port" ;;
    start--port)
      port=${2:-} && check_port "$port"
      shift
      ;;
    *-h | *--help) command=--help ;;
    *) wrong_usage "tools/broker.sh: unknown option $1" ;;
  esac
  shift
done
case $command in
  start) start_broker "$port" ;;
  stop) stop_broker ;;
  status) print_status ;;
  -h | --help) usage ;;
  '') wrong_usage "tools/broker.sh: start, stop or status?" ;;
  *) wrong_usage "tools/broker.sh: unknown command $command" ;;
esac
