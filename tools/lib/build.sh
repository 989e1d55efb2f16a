# Building a CMake preset with progress lines. Sourced after common.sh.

# build_preset PRESET [TARGET...]: configures when that was never done; later Ninja does it itself
# when a CMake file or a list of sources has changed. The array configure_options is for the first time.
configure_options=()
build_preset() {
  local preset=$1 target_options=()
  shift
  [ $# -eq 0 ] || target_options=(--target "$@")
  [ -f "$keyloom_root/build/$preset/build.ninja" ] ||
    logged "configuring build/$preset" \
      "run tools/setup.sh; if that does not help, remove build/$preset and try again" \
      cmake -S "$keyloom_root" --preset "$preset" "${configure_options[@]}"
  logged "building keyloom ($preset)" "the compiler's message is above, or in the log" \
    cmake --build "$keyloom_root/build/$preset" -j "$(nproc)" "${target_options[@]}"
}
