# Shared by all scripts of tools/: where things lie, progress lines, errors, logged steps.
# Sourced, never run. Everything said here goes to stderr: stdout belongs to what the script is asked for.

keyloom_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export HOME=${HOME:-~}
keyloom_cache=${KEYLOOM_CACHE:-$HOME/.cache/keyloom}
heartbeat_seconds=15

say() { printf 'keyloom: %s\n' "$*" >&2; }

# die MESSAGE REMEDY...: what failed, then one line for each thing to do about it.
die() {
  printf 'keyloom: error: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf 'keyloom:   %s\n' "$@" >&2
  exit 1
}

wrong_usage() {
  printf 'keyloom: %s (see --help)\n' "$1" >&2
  exit 2
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "root is needed for: $*" "run this script as root, or install sudo and try again"
  fi
}

make_cache() {
  mkdir -p "$keyloom_cache"/{downloads,logs} 2>/dev/null ||
    die "cannot create the cache folder $keyloom_cache" \
      "set KEYLOOM_CACHE to a folder that can be written"
}

# The last thing a log says, without the empty lines and carriage returns of progress displays.
last_line() { tail -c 400 "$1" | tr '\r' '\n' | grep . | tail -n 1 | cut -c 1-60; }

# Says every few seconds how far a log has come, until it is killed: nobody likes a silent wait.
# Takes its sleep with it: an orphan would keep the caller's pipes open.
heartbeat() {
  local what=$1 log=$2 start=$SECONDS
  trap 'kill $! 2>/dev/null; exit' TERM
  while :; do
    sleep "$heartbeat_seconds" &
    wait $!
    say "$what: $((SECONDS - start)) s, $(last_line "$log")"
  done
}

# logged WHAT REMEDY COMMAND...: runs the command with its output in a log of the cache; on failure
# shows the end of the log and the remedy, and ends the script. The command runs under set -e, which
# bash ignores wherever the caller tests the result: so call this plainly, never with || or if.
logged() {
  local what=$1 remedy=$2 log beat rc
  shift 2
  make_cache
  log=$keyloom_cache/logs/$(tr -cs 'a-zA-Z0-9.\n' '-' <<<"${what%% (*}").log
  say "$what ..."
  : >"$log"
  heartbeat "$what" "$log" &
  beat=$!
  set +e
  (set -e && "$@") >"$log" 2>&1 </dev/null
  rc=$?
  kill "$beat" && wait "$beat"
  set -e
  [ "$rc" -eq 0 ] && return
  tail -n 25 "$log" >&2
  die "$what failed with exit code $rc" "$remedy" "the whole log: $log"
}
