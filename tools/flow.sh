#!/usr/bin/env bash
# Runs a program with a CAF that logs each message, and draws the way of one record through the actors.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/flow.sh [options] [COMMAND [ARGUMENT...]]

Builds keyloom with a CAF whose logger writes each spawn, send and receive (the preset trace, once), runs
COMMAND with it, and draws which messages one record is the cause of, from the poller to the commit: as
text on stdout, and as SVG. What COMMAND itself prints goes to stderr. Calls, such as those of producer and
client, are no messages and so are not in the picture; what their threads send is.

  COMMAND         keyloom work ..., keyloom demo ..., or an example with its settings, by its target:
                  example_07_handler_actors -b 127.0.0.1:9092. One that does not end by itself is ended with
                  Ctrl-C and drawn then. Default: an embedded broker, a single record, and `keyloom work` on
                  it, with an output. Few records make a short picture.
  --processor P   what the default command does with the record: none, compute, blocking, actor (the
                  default), async or batch
  --record N      draws what the Nth message caused that brought records to a partition (default 1)
  --svg FILE      where the SVG goes (default build/trace/flow.svg)
  --text FILE     the text goes there instead of stdout; in a Markdown file, such as ARCHITECTURE.md, into the
                  block (```) whose first line is $ and this command without --svg and --text

The log stays in build/trace/flow.log. KEYLOOM_CACHE names the cache folder (default: ~/.cache/keyloom).
END
}

. "$(dirname "$0")/lib/common.sh"
. "$keyloom_root/tools/lib/packages.sh"
. "$keyloom_root/tools/lib/dependencies.sh"
. "$keyloom_root/tools/lib/build.sh"

build=$keyloom_root/build/trace
log=$build/flow.log
svg=$build/flow.svg
draw_options=()
processor=
shown=tools/flow.sh # the command as pictures name it

# --option FILE, of a folder that exists: it would be a pity to learn that after the build.
check_folder() {
  [ -n "$2" ] || wrong_usage "tools/flow.sh: $1 takes a file"
  [ -d "$(dirname "$2")" ] || wrong_usage "tools/flow.sh: $1: there is no folder $(dirname "$2")"
}

while [ $# -gt 0 ]; do
  option=$1
  case $option in
    -h | --help) usage && exit ;;
    --*=*) set -- "${option%%=*}" "${option#*=}" "${@:2}" && continue ;;
    --processor)
      processor=${2:-}
      [[ $processor =~ ^(none|compute|blocking|actor|async|batch)$ ]] ||
        wrong_usage "tools/flow.sh: --processor takes none, compute, blocking, actor, async or batch, not '$processor'"
      shown+=" --processor $processor"
      ;;
    --record)
      [[ ${2:-} =~ ^[1-9][0-9]{0,8}$ ]] ||
        wrong_usage "tools/flow.sh: --record takes a number from 1, not '${2:-}'"
      draw_options+=(--record "$2")
      shown+=" --record $2"
      ;;
    --svg) check_folder "$option" "${2:-}" && svg=$2 ;;
    --text) check_folder "$option" "${2:-}" && draw_options+=(--text "$2") ;;
    -*) wrong_usage "tools/flow.sh: unknown option $option" ;;
    *) break ;;
  esac
  shift 2
done

command=("$@")
shown+=${*:+ $*}
target=keyloom_program
case ${1:-} in
  '') ;;
  keyloom)
    [[ ${2:-} =~ ^(work|demo)$ ]] ||
      wrong_usage "tools/flow.sh: of keyloom's commands only work and demo run an event source"
    ;;
  example_*)
    target=$1
    [ -f "$keyloom_root/examples/${1#example_}.cpp" ] ||
      wrong_usage "tools/flow.sh: there is no example examples/${1#example_}.cpp"
    ;;
  *) wrong_usage "tools/flow.sh: COMMAND is keyloom work, keyloom demo or example_NAME, not '$1'" ;;
esac
[ -z "$processor" ] || [ ${#command[@]} -eq 0 ] ||
  wrong_usage "tools/flow.sh: --processor is for the default command; give it behind keyloom work"

flow() { python3 "$keyloom_root/tools/flow/main.py" "$@"; }

start_broker() {
  local told
  exec 3< <(exec "$build/keyloom" broker --json)
  broker=$!
  trap 'kill "$broker"' EXIT
  read -r told <&3 && [[ $told =~ \"brokers\":\ *\"([^\"]+)\" ]] ||
    die "the embedded broker did not start" "its message is above"
  address=${BASH_REMATCH[1]}
}

load_record() { "$build/keyloom" load --brokers "$address" --topic records --records 1 --keys 1 >/dev/null; }

# One record, and a worker that ends when it is committed. The first record is only for the group, whose
# first commit would be in the picture: of the offsets at which it begins.
make_default_command() {
  start_broker
  command=(keyloom work --brokers "$address" --topic records --group flow --out results
    --processor "${processor:-actor}" --until-end)
  load_record
  "$build/keyloom" "${command[@]:1}" >/dev/null 2>&1 || die "the first record was not worked on" "try again"
  load_record
}

# The program takes CAF's settings from a file, so ours go behind those of the user's file, if there is one.
run_keyloom() {
  local config=() arguments=()
  while [ $# -gt 0 ]; do
    case $1 in
      --config) config=(--config "${2:-}") && shift ;;
      --config=*) config=("$1") ;;
      *) arguments+=("$1") ;;
    esac
    shift
  done
  flow --configuration "${config[@]}" "$log" >"$build/flow.conf"
  "$build/keyloom" "${arguments[@]}" --config "$build/flow.conf"
}

run_example() {
  local options=()
  mapfile -t options < <(flow --configuration --as-options "$log")
  "$build/examples/$1" "${@:2}" "${options[@]}"
}

run_command() {
  if [ "${command[0]}" = keyloom ]; then
    run_keyloom "${command[@]:1}"
  else
    run_example "${command[@]}"
  fi
}

install_packages "${build_packages[@]}" python3
provide_trace_dependencies
configure_options=(-DKEYLOOM_UNITY=ON) # half the objects for a build from nothing
build_preset trace "$target"
rm -f "$log" # CAF would write behind what is there
[ ${#command[@]} -gt 0 ] || make_default_command
say "running ${command[*]} ..."
trap : INT # ends the program; the picture is still drawn
run_command >&2 || say "it ended with exit code $?"
trap - INT
[ -s "$log" ] || die "the program wrote no log, so there is nothing to draw" "its message is above"
flow "$log" --svg "$svg" "${draw_options[@]}" --command "$shown"
say "drawn: $svg"
