#!/usr/bin/env bash
# Formats all C++ of keyloom in place, or tells what is not formatted.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/format.sh [--check]

Formats all C++ files in place with clang-format-16 and .clang-format.

  --check   changes nothing; says what is not formatted and exits 1 then
END
}

. "$(dirname "$0")/lib/common.sh"
. "$keyloom_root/tools/lib/packages.sh"

options=(-i)
for argument in "$@"; do
  case $argument in
    --check) options=(--dry-run --Werror) ;;
    -h | --help) usage && exit ;;
    *) wrong_usage "tools/format.sh: unknown option $argument" ;;
  esac
done

install_packages clang-format-16
cd "$keyloom_root"
find include runtime actors tools examples tests -name '*.[ch]pp' -print0 |
  xargs -0 --no-run-if-empty clang-format-16 "${options[@]}" ||
  die "some C++ files are not formatted" "run tools/format.sh and commit what it changes"
