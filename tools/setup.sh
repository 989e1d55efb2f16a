#!/usr/bin/env bash
# Installs the Debian packages keyloom needs and builds CAF and librdkafka into the cache.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/setup.sh [--tests] [--tsan] [--trace]

Installs the Debian packages that are missing (as root or with sudo) and builds CAF and librdkafka
into the cache, unless the system has them in the right versions. Afterwards `cmake --preset dev`
and `cmake --preset release` work. What is there already is left alone: a second run ends at once.

  --tests   also what the tests need: Catch2, clang-format, clang-tidy, Java, a Kafka broker, ...
  --tsan    also what the preset tsan needs: CAF and librdkafka once more, built with the thread sanitizer
  --trace   also what the preset trace needs: CAF once more, with a logger that tells each message

KEYLOOM_CACHE names the cache folder (default: ~/.cache/keyloom).
END
}

. "$(dirname "$0")/lib/common.sh"
. "$keyloom_root/tools/lib/packages.sh"
. "$keyloom_root/tools/lib/dependencies.sh"
. "$keyloom_root/tools/lib/kafka.sh"

tests=
tsan=
trace=
for argument in "$@"; do
  case $argument in
    --tests) tests=yes ;;
    --tsan) tsan=yes ;;
    --trace) trace=yes ;;
    -h | --help) usage && exit ;;
    *) wrong_usage "tools/setup.sh: unknown option $argument" ;;
  esac
done

if [ -n "$tests" ]; then
  install_packages "${build_packages[@]}" "${test_packages[@]}"
  provide_kafka
else
  install_packages "${build_packages[@]}"
fi
provide_dependencies
[ -z "$tsan" ] || provide_thread_dependencies
[ -z "$trace" ] || provide_trace_dependencies
say "ready: $(dependencies_file)"
