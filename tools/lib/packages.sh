# Debian packages: what is needed, and installing what is missing of it. Sourced after common.sh.

# What the library, the program and the demo are built with.
build_packages=(
  g++ cmake ninja-build make patch dpkg-dev git ca-certificates xz-utils
  libssl-dev zlib1g-dev libzstd-dev
  nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev libcpp-httplib-dev libjs-chart.js libsqlite3-dev libgoogle-perftools-dev
  libsimdjson-dev libncurses-dev
)
# What the tests add; a real Kafka needs Maven and Java besides, see kafka.sh.
test_packages=(
  catch2 libprotobuf-dev protobuf-compiler libboost1.81-dev clang-format-16 clang-tidy-16 python3 kcat procps pkg-config
  libpqxx-dev postgresql chromium fonts-dejavu-core
)

missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
    sed -n 's/ installed$//p' | sort -u || true)
  printf '%s\n' "$@" | sort -u | comm -23 - <(printf '%s\n' "$installed")
}

apt_install() {
  as_root apt-get update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

install_packages() {
  local missing
  [ $# -gt 0 ] || return 0
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    die "this is not a Debian system: there is no apt-get" "use Debian 12 or a container of it"
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] && return
  # Asked for here, where a password prompt can be seen, and not inside a logged step.
  [ "$(id -u)" -eq 0 ] || as_root true
  logged "installing ${#missing[@]} Debian packages" \
    "check the network and /etc/apt, then: apt-get install --no-install-recommends ${missing[*]}" \
    apt_install "${missing[@]}"
}
