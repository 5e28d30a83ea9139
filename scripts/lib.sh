# Shared by the scripts of this folder; sourced, not run.
# shellcheck shell=bash

# shellcheck disable=SC2034  # used by those who source this
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
heading() { printf '\n== %s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { warn "$*"; exit 1; }

# The comment block at the top of a script is its help text.
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root, directly or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo -- "$@"
  else
    die "needs root for: $* (and sudo is not installed)"
  fi
}

# Restarts the calling script as root where it is not yet.
become_root() {
  [ "$(id -u)" -eq 0 ] && return
  have sudo || die "needs root (and sudo is not installed)"
  exec sudo -- "$0" "$@"
}

# Cargo where rustup put it, also for a shell that never read the profile.
find_cargo() {
  have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  have cargo || die "cargo is not installed: see https://rustup.rs"
}

# Makes sure that NVGW names the gateway's binary: one that the caller chose, or a fresh release build.
build_gateway() {
  if [ -z "${NVGW:-}" ]; then
    find_cargo
    (cd "$repository" && cargo build --release ${CI:+--locked})
    NVGW=${CARGO_TARGET_DIR:-$repository/target}/release/nvgw
  fi
  NVGW=$(realpath -- "$NVGW")
  [ -x "$NVGW" ] || die "$NVGW is not a program"
}
