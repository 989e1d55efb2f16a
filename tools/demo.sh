#!/usr/bin/env bash
# Does everything for the demo, from packages to program, and runs it.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/demo.sh [demo options]

Sets up what keyloom needs (see tools/setup.sh --help), builds the program and runs `keyloom demo`
with the options given. What was done before is not done again. On stdout is only what the demo
prints; progress goes to stderr.
END
}

. "$(dirname "$0")/lib/common.sh"
. "$keyloom_root/tools/lib/packages.sh"
. "$keyloom_root/tools/lib/dependencies.sh"
. "$keyloom_root/tools/lib/build.sh"

program=$keyloom_root/build/release/keyloom

for argument in "$@"; do
  case $argument in
    -h | --help)
      usage
      [ ! -x "$program" ] || { echo && exec "$program" demo --help; }
      exit
      ;;
  esac
done

install_packages "${build_packages[@]}"
provide_dependencies
build_preset release keyloom_program
exec "$program" demo "$@"
