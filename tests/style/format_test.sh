#!/usr/bin/env bash
# All C++ files are formatted as .clang-format says.
set -euo pipefail
exec "$(dirname "$0")/../../tools/format.sh" --check
