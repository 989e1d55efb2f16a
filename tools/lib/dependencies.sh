# Fetches and builds CAF and librdkafka into the cache, unless the system has them.
# Sourced after common.sh. Entries: provide_dependencies, and provide_thread_dependencies and
# provide_trace_dependencies for presets that need them built otherwise.

. "$keyloom_root/tools/lib/versions.sh"

# The preset that wants the dependencies themselves built otherwise: "tsan", "trace", or empty.
dependencies_preset=

# Read by cmake/dependencies.cmake, which derives the name in the same way.
dependencies_file() {
  printf '%s/dependencies-%.12s%s.cmake\n' "$keyloom_cache" \
    "$(sha256sum <"$keyloom_root/tools/lib/versions.sh")" \
    "${dependencies_preset:+-$dependencies_preset}"
}

# The first sources of the machine's own Debian packages: the project names no host.
debian_site() {
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(SITE)' |
    sed -n 's/^Debian Debian //p' | sort -u | head -n 1
}

# An apt configuration of our own, so that sources of other suites never touch the system's.
write_apt_configuration() {
  local dir=$1 suite=$2 site
  site=$(debian_site)
  if [ -z "$site" ]; then
    echo "apt knows no Debian site; is apt-get update working?"
    return 1
  fi
  mkdir -p "$dir"/{lists/partial,cache/archives/partial,parts}
  # The index may be past its date, its signature still holds.
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg check-valid-until=no]" \
    "$site $suite main" >"$dir/sources.list"
  cat >"$dir/apt.conf" <<END
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "$dir/parts";
Dir::State::Lists "$dir/lists";
Dir::Cache "$dir/cache";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
}

has_checksum() { sha256sum --check --status <<<"$2  $1" 2>/dev/null; }

# fetch_source PACKAGE=VERSION SUITE TARBALL SHA256: into the cache's downloads.
fetch_source() {
  local package=$1 suite=$2 tarball=$3 sha256=$4 dir
  has_checksum "$keyloom_cache/downloads/$tarball" "$sha256" && return
  dir=$(mktemp -d "$keyloom_cache/tmp.XXXXXX")
  write_apt_configuration "$dir" "$suite"
  (cd "$dir" && export APT_CONFIG=$dir/apt.conf && apt-get update &&
    apt-get source --tar-only --download-only "$package")
  if ! has_checksum "$dir/$tarball" "$sha256"; then
    echo "$tarball does not have the pinned checksum $sha256"
    return 1
  fi
  mv "$dir/$tarball" "$keyloom_cache/downloads/"
  rm -rf "$dir"
}

# Where a build with these options by this compiler belongs.
prefix_of() {
  local name=$1
  shift
  printf '%s/%s-%.12s\n' "$keyloom_cache" "$name" \
    "$({ printf '%s\n' "$@"; g++ -dumpfullversion; uname -m; } | sha256sum)"
}

caf_prefix() {
  prefix_of "caf-$caf_version" "${caf_options[@]}" "$(<"$keyloom_root/cmake/caf_unity.cmake")"
}

rdkafka_prefix() { prefix_of "librdkafka-$rdkafka_version" "${rdkafka_options[@]}"; }

# build_in_temporary_folder PREFIX COMMAND...: the command gets a folder to work in and fills its
# prefix/; only a finished build gets its place in the cache.
build_in_temporary_folder() {
  local prefix=$1 dir
  shift
  dir=$(mktemp -d "$keyloom_cache/tmp.XXXXXX")
  "$@" "$dir"
  rm -rf "$prefix"
  mv "$dir/prefix" "$prefix"
  rm -rf "$dir"
}

unpack() {
  mkdir "$2"
  tar -xf "$keyloom_cache/downloads/$1" -C "$2" --strip-components=1
}

build_caf() {
  unpack "$caf_tarball" "$1/source"
  cmake -S "$1/source" -B "$1/build" -G Ninja "${caf_options[@]}" \
    -DCMAKE_INSTALL_PREFIX="$1/prefix" \
    -DCMAKE_PROJECT_CAF_INCLUDE="$keyloom_root/cmake/caf_unity.cmake"
  cmake --build "$1/build" --target install -j "$(nproc)"
}

build_rdkafka() {
  unpack "$rdkafka_tarball" "$1/source"
  (cd "$1/source" && ./configure "${rdkafka_options[@]}")
  make -C "$1/source/src" -j "$(nproc)" librdkafka.a
  mkdir -p "$1"/prefix/{lib,include/librdkafka}
  cp "$1/source/src/librdkafka.a" "$1/prefix/lib/"
  cp "$1"/source/src/rdkafka{,_mock}.h "$1/prefix/include/librdkafka/"
}

provide_caf() {
  local prefix=$1
  [ -d "$prefix" ] && return
  logged "fetching CAF $caf_version" \
    "check the network, or put $caf_tarball into $keyloom_cache/downloads, and try again" \
    fetch_source "$caf_package" "$caf_suite" "$caf_tarball" "$caf_sha256"
  logged "building CAF $caf_version${dependencies_preset:+ for the preset $dependencies_preset} (about 90 s on two cores, once)" \
    "free memory (3 GB are needed) or disk space (1 GB) and try again" \
    build_in_temporary_folder "$prefix" build_caf
}

provide_rdkafka() {
  local prefix=$1
  [ -d "$prefix" ] && return
  logged "fetching librdkafka $rdkafka_version" \
    "check the network, or put $rdkafka_tarball into $keyloom_cache/downloads, and try again" \
    fetch_source "$rdkafka_package" "$rdkafka_suite" "$rdkafka_tarball" "$rdkafka_sha256"
  logged "building librdkafka $rdkafka_version${dependencies_preset:+ for the preset $dependencies_preset} (about 35 s, once)" \
    "free disk space (200 MB are needed) and try again" \
    build_in_temporary_folder "$prefix" build_rdkafka
}

# Asks CMake for an installed CAF and librdkafka of the right versions; prints what it found as
# lines of CMake code, nothing for what is not there, or is not built as the preset wants it.
probe_system() {
  local dir=$1
  cmake -S "$keyloom_root/cmake/probe" -B "$dir/build" -G Ninja -DRESULT="$dir/found.cmake" \
    -DCAF_AT_LEAST="$caf_version" -DCAF_BELOW="$caf_below" -DRDKAFKA_AT_LEAST="$rdkafka_version"
  [ "$dependencies_preset" != tsan ] || : >"$dir/found.cmake"
  [ "$dependencies_preset" != trace ] || sed -i /KEYLOOM_CAF_DIR/d "$dir/found.cmake"
}

write_dependencies_file() {
  local file=$1 found=$2
  {
    echo "# Written by tools/setup.sh: where CAF and librdkafka are."
    cat "$found"
    grep -q KEYLOOM_CAF_DIR "$found" ||
      echo "set(KEYLOOM_CAF_DIR \"$(caf_prefix)/lib/cmake/CAF\")"
    grep -q KEYLOOM_RDKAFKA_LIBRARY "$found" || cat <<END
set(KEYLOOM_RDKAFKA_LIBRARY "$(rdkafka_prefix)/lib/librdkafka.a")
set(KEYLOOM_RDKAFKA_INCLUDE_DIR "$(rdkafka_prefix)/include")
END
  } >"$file.new"
  mv "$file.new" "$file"
}

# True when everything the file names is still there, and was built with today's options.
dependencies_are_there() {
  local file=$1 path
  [ -f "$file" ] || return 1
  while read -r path; do
    [ -e "$path" ] || return 1
    case $path in
      "$keyloom_cache"/*) [[ $path == "$(caf_prefix)"/* || $path == "$(rdkafka_prefix)"/* ]] || return 1 ;;
    esac
  done < <(sed -n 's/^set([A-Z_]* "\(.*\)")$/\1/p' "$file")
}

# Side by side: librdkafka's configure runs on one core, and CAF's last file too.
build_what_is_missing() {
  local dir jobs=() job rc=0
  trap 'trap "" TERM && kill 0' INT # background jobs would not notice Ctrl-C
  rm -rf "$keyloom_cache"/tmp.*     # left by a run that was killed; we hold the lock
  dir=$(mktemp -d "$keyloom_cache/tmp.XXXXXX")
  logged "looking for an installed CAF and librdkafka" "see the log" probe_system "$dir"
  if ! grep -q KEYLOOM_CAF_DIR "$dir/found.cmake"; then
    provide_caf "$(caf_prefix)" &
    jobs+=($!)
  fi
  if ! grep -q KEYLOOM_RDKAFKA_LIBRARY "$dir/found.cmake"; then
    provide_rdkafka "$(rdkafka_prefix)" &
    jobs+=($!)
  fi
  for job in "${jobs[@]}"; do
    wait "$job" || rc=1
  done
  [ "$rc" -eq 0 ] || exit 1
  write_dependencies_file "$1" "$dir/found.cmake"
  rm -rf "$dir"
}

provide_dependencies() {
  local file
  file=$(dependencies_file)
  dependencies_are_there "$file" && return
  make_cache
  (
    flock -n 9 || { say "waiting for another setup that is building" && flock 9; }
    dependencies_are_there "$file" || build_what_is_missing "$file"
  ) 9>"$keyloom_cache/lock"
}

# What the preset tsan needs: a CAF and a librdkafka whose atomics the thread sanitizer sees; without
# that it takes what they count references with for races.
provide_thread_dependencies() (
  dependencies_preset=tsan
  caf_options+=("-DCMAKE_CXX_FLAGS=$caf_thread_flags") # the last one counts
  rdkafka_options+=("${rdkafka_thread_options[@]}")
  provide_dependencies
)

# What the preset trace needs: a CAF whose logger writes each spawn, send and receive (component caf_flow).
provide_trace_dependencies() (
  dependencies_preset=trace
  caf_options+=(-DCAF_LOG_LEVEL=DEBUG "-DCMAKE_CXX_FLAGS=-O0 -g0 -w") # the last ones count
  provide_dependencies
)
