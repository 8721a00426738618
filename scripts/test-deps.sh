#!/bin/sh
# Installs missing Debian packages of the tests. Starts no service, and leaves installed services
# disabled.
set -eu

LIST=crates/testkit/debian-packages.txt

missing=
for package in $(cat "$LIST"); do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
# Some Node.js packages include npm and conflict with Debian's.
command -v npm >/dev/null || missing="$missing npm"
if [ -z "$missing" ]; then
    exit 0
fi

command="apt-get update && apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get >/dev/null; then
    echo "the tests need these programs, named here as Debian packages:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        exec sudo sh "$0"
    fi
    echo "the tests need packages that are missing; as root: $command" >&2
    exit 1
fi

# While this script exits with 101, package installation starts no service (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing:$missing"
apt-get -q update
# shellcheck disable=SC2086 # a list of words
apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $missing
# Not at the next boot either: the tests start the services they need.
if command -v systemctl >/dev/null; then
    for package in $missing; do
        case $package in
            haproxy | keepalived | nginx | postgresql | prometheus | redis-server | rinetd) unit=$package ;;
            etcd-server) unit=etcd ;;
            openssh-server) unit=ssh ;;
            *) continue ;;
        esac
        systemctl disable "$unit.service" >/dev/null 2>&1 || true
    done
fi
