#!/bin/bash
# Installs what godwit needs from Debian 12's own packages, and nothing that is there already.
#
#   scripts/setup.sh build     what compiles and runs the broker
#   scripts/setup.sh run       that, and what keeps the state of several brokers
#   scripts/setup.sh test      that, and what the tests use besides
#   scripts/setup.sh --list test   prints the packages, installs nothing
#
# Run as root or by somebody who may use sudo. Running it again costs a fraction of a second. No service is started
# or enabled: what a package would start is held back while it is installed, what it enabled is disabled again.
set -euo pipefail

fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# For tests only: another root for the files that are written here.
root="${GODWIT_SETUP_ROOT:-}"

build_packages=(
  ca-certificates ccache clang-16 cmake lld-16 make ninja-build pkg-config
  libboost1.81-dev libboost-json1.81-dev libcli11-dev libexpected-dev libfmt-dev libgrpc++-dev libjemalloc-dev
  liblz4-dev libprotobuf-dev librdkafka-dev libsnappy-dev libspdlog-dev libssl-dev libtomlplusplus-dev libwslay-dev
  libzookeeper-st-dev libzstd-dev protobuf-compiler protobuf-compiler-grpc zlib1g-dev
)
run_packages=(etcd-server)
test_packages=(
  clang-format-16 clang-tidy-16 curl git haproxy kcat libbenchmark-dev libclang-rt-16-dev libgmock-dev libgtest-dev
  libnginx-mod-stream llvm-16 nginx openssl procps python3 zookeeper
)

# A runtime that the machine has already, newer perhaps than Debian's, is left alone.
add_missing_runtimes() {
  command -v go >/dev/null || test_packages+=(golang-go)
  { command -v node && command -v npm; } >/dev/null || test_packages+=(nodejs npm)
  { command -v javac && command -v java; } >/dev/null || test_packages+=(openjdk-17-jdk-headless)
  command -v mvn >/dev/null || test_packages+=(maven)
  python3 -c 'import ensurepip, venv' 2>/dev/null || test_packages+=(python3-venv)
}

installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# Links that make something start with the machine, one a line.
boot_links() {
  { find "$root"/etc/systemd/system -path '*.wants/*' -type l
    find "$root"/etc/rc[S2345].d -name 'S*'
  } 2>/dev/null | sort || true
}

policy="$root/usr/sbin/policy-rc.d"
policy_kept="$policy.godwit-setup"

# While packages are installed, invoke-rc.d asks this file whether a service may start: it may not.
hold_services() {
  # A run that was killed left its own policy in place; what was there before it lies beside.
  restore_services
  if as_root test -e "$policy" -o -L "$policy"; then
    as_root mv "$policy" "$policy_kept"
  else
    as_root touch "$policy_kept.none"
  fi
  trap restore_services EXIT
  printf '#!/bin/sh\n# Set by godwit/scripts/setup.sh while it installs packages.\nexit 101\n' |
    as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
}

restore_services() {
  if as_root test -e "$policy_kept" -o -L "$policy_kept"; then
    as_root mv "$policy_kept" "$policy"
  elif as_root test -e "$policy_kept.none"; then
    as_root rm -f "$policy" "$policy_kept.none"
  fi
}

# disable_new BEFORE: takes back every link that was not there before.
disable_new() {
  local link
  comm -13 <(printf '%s\n' "$1") <(boot_links) | while read -r link; do
    [[ -n "$link" ]] || continue
    as_root rm -f "$link"
    printf 'setup: left disabled: %s\n' "$(basename "$link")"
  done
}

main() {
  local list=no
  if [[ "${1:-}" == --list ]]; then list=yes; shift; fi
  local wanted=()
  case "${1:-}" in
    build) wanted=("${build_packages[@]}") ;;
    run) wanted=("${build_packages[@]}" "${run_packages[@]}") ;;
    test) add_missing_runtimes; wanted=("${build_packages[@]}" "${run_packages[@]}" "${test_packages[@]}") ;;
    *) fail "say what for: scripts/setup.sh build, run or test" ;;
  esac
  if [[ $list == yes ]]; then printf '%s\n' "${wanted[@]}"; return; fi

  { command -v dpkg-query && command -v apt-get; } >/dev/null ||
    fail "this machine has no apt: godwit is built with the packages of Debian 12. Install the like of: ${wanted[*]}"

  local missing=() package
  for package in "${wanted[@]}"; do installed "$package" || missing+=("$package"); done
  if [[ ${#missing[@]} == 0 ]]; then return; fi

  printf 'setup: installing %d packages: %s\n' "${#missing[@]}" "${missing[*]}"
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null ||
      fail "packages are missing, and this is neither root nor is there sudo. As root: apt-get install --no-install-recommends ${missing[*]}"
    sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo -v; } ||
      fail "packages are missing, and sudo wants a password that nobody can type here. As root: apt-get install --no-install-recommends ${missing[*]}"
  fi

  local output
  output="$(mktemp)"
  # shellcheck disable=SC2024  # the file is the caller's own
  as_root apt-get -q update >"$output" 2>&1 || {
    tail -n 5 "$output" >&2
    fail "apt-get update failed: is there a network, and are the sources in /etc/apt those of Debian 12?"
  }
  for package in "${missing[@]}"; do
    apt-cache show "$package" >/dev/null 2>&1 ||
      fail "this machine's package sources have no $package: godwit needs Debian 12 (bookworm), see /etc/apt"
  done

  local before
  before="$(boot_links)"
  hold_services
  # A configuration file that somebody changed stays as it is; nothing asks a question.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Options::=--force-confold \
    install --no-install-recommends "${missing[@]}" >"$output" 2>&1 || {
    tail -n 20 "$output" >&2
    fail "apt-get install failed; its last lines are above, all of them in $output"
  }
  disable_new "$before"
  rm -f "$output"
}

main "$@"
