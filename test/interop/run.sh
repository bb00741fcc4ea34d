#!/usr/bin/env bash
# Sepia against programs that others wrote: makes two network namespaces of its own, runs the tests in one and their peers in the other, and
# takes both down. Nothing of the machine's own network is touched. Needs root. Arguments go to vitest: names of test files, -t TEXT.
set -u
cd "$(dirname "$0")/../.." || exit 1
PATH=$PATH:/usr/sbin:/sbin

if [ "$(id -u)" != 0 ]; then
  echo 'sepia: test:interop makes network namespaces and opens their interfaces raw: run it as root.' >&2
  exit 4
fi

# program:Debian package
NEEDED='ip:iproute2 ethtool:ethtool setpriv:util-linux nsenter:util-linux ping:iputils-ping arping:iputils-arping openssl:openssl tshark:tshark dumpcap:wireshark-common
  ovs-vswitchd:openvswitch-switch lldpd:lldpd dnsmasq:dnsmasq-base kea-dhcp4:kea-dhcp4-server dhcpd:isc-dhcp-server in.tftpd:tftpd-hpa
  kamailio:kamailio sipp:sip-tester nginx:nginx-light nginx:nginx-common'

missing() {
  for pair in $NEEDED; do command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"; done
  # Kamailio's TLS is a module.
  ls /usr/lib/*/kamailio/modules/tls.so >/dev/null 2>&1 || echo kamailio-tls-modules
}

# Their services are neither started now nor at the next boot of the machine: the tests start the programs themselves.
install_packages() {
  local policy=/usr/sbin/policy-rc.d own_policy='' result
  echo "sepia: installing Debian packages: $*" >&2
  apt-get update -q >&2 || return 1
  [ -e "$policy" ] || { own_policy=1; printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
  result=$?
  [ -z "$own_policy" ] || rm -f "$policy"
  if command -v systemctl >/dev/null; then
    for package in "$@"; do
      for unit in $(dpkg -L "$package" | sed -n 's|.*/systemd/system/\([^/]*\.service\)$|\1|p'); do
        systemctl disable -q "$unit" >/dev/null 2>&1
      done
    done
  fi
  return $result
}

# Debian lets only one TFTP server be installed at a time: this one is unpacked beside the other, not installed.
unpack_atftpd() {
  [ -x .cache/atftpd/usr/sbin/atftpd ] && return
  mkdir -p .cache/atftpd && (cd .cache/atftpd && { apt-get download -q atftpd || { apt-get update -q && apt-get download -q atftpd; }; } &&
    dpkg-deb -x atftpd_*.deb . && rm atftpd_*.deb) >&2
}

packages=$(missing | sort -u)
if [ -n "$packages" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "sepia: test:interop lacks programs that it can only install with apt-get; the Debian packages are:" $packages >&2
    exit 4
  fi
  # shellcheck disable=SC2086 # one word a package
  if ! install_packages $packages || [ -n "$(missing)" ]; then
    echo "sepia: test:interop lacks programs, and these packages could not be installed:" $(missing) >&2
    exit 4
  fi
fi

if ! unpack_atftpd; then
  echo 'sepia: test:interop lacks a program: the Debian package atftpd could not be fetched.' >&2
  exit 4
fi

RUN=sepia-interop-$$
FOLDER=$(mktemp -d) || exit 1
# Peers that give up root read and write here.
chmod 755 "$FOLDER"

# Ends, by pid, what lives in the namespaces of this run, and removes them. The tests have ended theirs already, unless they were killed.
clean_up() {
  local name signal
  for name in $(ip netns list | awk -v run="$RUN-" 'index($1, run) == 1 { print $1 }'); do
    for signal in TERM KILL; do
      pids=$(ip netns pids "$name")
      [ -n "$pids" ] || break
      # shellcheck disable=SC2086
      kill -$signal $pids 2>/dev/null
      for _ in 1 2 3 4 5 6 7 8 9 10; do [ -n "$(ip netns pids "$name")" ] || break; sleep 0.2; done
    done
    ip netns del "$name"
  done
  rm -rf "$FOLDER" ".cache/$RUN"
}
tests=
stop() { # exit code
  [ -z "$tests" ] || { kill "$tests" 2>/dev/null; wait "$tests"; }
  exit "$1"
}
trap clean_up EXIT
trap 'stop 130' INT
trap 'stop 143' TERM HUP

if ! ip netns add "$RUN-phones" 2>"$FOLDER/why"; then
  echo "sepia: this machine gives no network namespaces: $(head -1 "$FOLDER/why")." >&2
  exit 4
fi
ip -n "$RUN-phones" link set lo up

# Not by `ip netns exec`: what the tests mount, that is their peers' namespaces, would be hidden from the clean-up.
NO_COLOR=1 SEPIA_INTEROP_RUN=$RUN SEPIA_INTEROP_FOLDER=$FOLDER nsenter --net="/run/netns/$RUN-phones" \
  node node_modules/vitest/vitest.mjs run --config test/interop/vitest.config.ts "$@" &
# In the background, since a shell hears no signal while something runs in front of it.
tests=$!
wait "$tests"
