#!/bin/sh
# Shows a fleet on one machine in less than a minute: three members of etcd, five forwarders, and a client of all five.
# BINARY is the program. Each forwarder has its own hosts file, in a mount namespace: `self.test` is the address
# 127.78.N.1 for edge-N, so that one text fits all. Exit code 0: everything happened as printed.
set -u

BINARY=${BINARY:-./traffic-forwarder}
EDGES='1 2 3 4 5'
MEMBERS='1 2 3'
# Our processes: the members of etcd, the command under way, and the others.
etcd=
child=
reader=
pids=
dir=

# === messages ===

title() { printf '\n== %s\n' "$*"; }

say() { printf '%s\n' "$*" | fold -s -w 80 | sed 's/ *$//'; }

fail() {
    say "fleet-demo: $*" >&2
    [ -z "$dir" ] || tail -n 5 "$dir"/*.log >&2
    exit 1
}

indent() { fold -s -w 76 | sed 's/^/    /; s/ *$//'; }

# Prints lines as they come, and adds them to the file `said`.
follow() {
    while IFS= read -r line; do
        printf '%s\n' "$line" >>said
        printf '%s\n' "$line" | indent
    done
}

# === processes ===

# Ends our processes: TERM, and KILL to those that are left after five seconds. Removes their directory.
end_all() {
    trap '' HUP INT TERM
    for pid in $child $pids; do kill -TERM "$pid" 2>/dev/null; done
    # The last member would wait for the others. Its data is removed.
    for pid in $etcd; do kill -KILL "$pid" 2>/dev/null; done
    tries=50
    for pid in $child $pids $etcd; do
        while is_running "$pid" && [ $tries -gt 0 ]; do
            sleep 0.1
            tries=$((tries - 1))
        done
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    [ -z "$reader" ] || wait "$reader" 2>/dev/null
    [ -z "$dir" ] || rm -rf "$dir"
}

# Whether a child has not ended: kill(1) also finds one that has, and that nothing has waited for.
is_running() {
    state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null)
    case $state in '' | Z*) return 1 ;; esac
}

trap end_all EXIT
trap 'exit 129' HUP
trap 'echo; exit 130' INT
trap 'exit 143' TERM

# Starts a process whose output goes to a file, and leaves its PID in `last`: start FILE COMMAND...
start() {
    file=$1
    shift
    "$@" >>"$file" 2>&1 &
    last=$!
}

# Waits until a command succeeds: await SECONDS WHAT COMMAND...
await() {
    tries=$(($1 * 10))
    what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail "waited in vain for $what"
        sleep 0.1
    done
}

# Prints a command and what it says, which is also in the file `said` afterwards: run CODE COMMAND...
run() {
    code=$1
    shift
    say "$ $*"
    : >said
    rm -f pipe
    mkfifo pipe || fail "cannot make a pipe in $dir"
    follow <pipe &
    reader=$!
    "$@" >pipe 2>&1 &
    child=$!
    wait $child
    got=$?
    child=
    wait $reader
    reader=
    [ $got -eq "$code" ] || fail "this command ended with $got instead of $code"
}

said() { grep -qF -e "$1" said; }

must_have_said() { said "$1" || fail "this command did not say: $1"; }

# === what it needs ===

need() {
    command -v "$1" >/dev/null 2>&1 || fail "$1 is missing: apt-get install $2"
}

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
need etcd etcd-server
need unshare util-linux
need mount mount
need curl curl
[ -x "$BINARY" ] || fail "$BINARY is no program: make build"
BINARY=$(cd "$(dirname "$BINARY")" && pwd)/$(basename "$BINARY")
if [ "$(id -u)" = 0 ]; then UNSHARE='unshare -m'; else UNSHARE='unshare -Urm'; fi
$UNSHARE mount --bind /etc/hosts /etc/hosts 2>/dev/null ||
    fail "\`$UNSHARE mount --bind\` is not permitted: run it as root, or permit user namespaces" \
        "(sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0)"
dir=$(mktemp -d "${TMPDIR:-/tmp}/fleet-demo.XXXXXX") || fail "cannot make a directory"
cd "$dir" || exit 1
mkdir bin && ln -s "$BINARY" bin/traffic-forwarder || exit 1
PATH=$dir/bin:$PATH

# Prints ports that no socket has: free_ports COUNT
free_ports() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v count="$1" -v first=$((10000 + $$ * 7 % 20000)) '
        { n = split($2, address, ":"); taken[address[n]] = 1 }
        END {
            for (port = first; count > 0; port++)
                if (!(sprintf("%04X", port) in taken)) { print port; count-- }
        }'
}

set -- $(free_ports 5)
client_port=$1 peer_port=$2 web_port=$3 api_port=$4 closed_port=$5

# === the parties ===

# The arguments of a member.
etcd_arguments() {
    client=http://127.79.$1.1:$client_port peer=http://127.79.$1.1:$peer_port
    echo --name "m$1" --data-dir "m$1" --initial-cluster "$cluster" \
        --listen-client-urls "$client" --advertise-client-urls "$client" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer"
}

start_etcd() {
    printf '$ etcd %s\n' "$(etcd_arguments 1)" | sed 's/ --/ \\\n    --/g' | fold -w 80
    say "  ... and m2 and m3 likewise"
    for n in $MEMBERS; do
        # etcd 3.4 does not start on 64-bit Arm without the variable.
        start etcd.log env ETCD_UNSUPPORTED_ARCH=arm64 etcd $(etcd_arguments "$n")
        etcd="$etcd $last"
    done
    for n in $MEMBERS; do
        await 20 "member m$n of etcd" curl -sf -m 1 "http://127.79.$n.1:$client_port/health"
    done
}

stop_etcd() {
    say "$ kill$etcd"
    kill -TERM $etcd
    wait $etcd 2>/dev/null
    etcd=
}

edge_command() { echo "mount --bind edge-$1/hosts /etc/hosts && exec traffic-forwarder -c edge-$1.conf"; }

start_edge() {
    mkdir "edge-$1" || exit 1
    printf '127.78.%s.1 self.test\n' "$1" >"edge-$1/hosts"
    cat >"edge-$1.conf" <<CONF
[process]
admin = "unix:$dir/edge-$1/admin.sock"

[fleet]
from = "$store"
name = "edge-$1"
keep = "$dir/edge-$1/keep"
CONF
    start "edge-$1.log" $UNSHARE sh -c "$(edge_command "$1")"
    pids="$pids $last"
}

# Asks one or several of these URLs again and again, and prints an HTTP code for each request: 000 without an answer.
client() {
    trap 'ended=1' TERM
    ended=
    while [ -z "$ended" ]; do
        curl -s -m 5 -o answer -w '%{http_code}\n' "$1"
        sleep 0.05
    done
}

answered() { grep -c '^200$' requests; }

has_answers() { [ "$(answered)" -ge "$1" ]; }

failed() { grep -vc '^200$' requests; }

traffic() {
    [ "$(failed)" = 0 ] || fail "$(failed) requests have failed"
    say "The client so far: $(answered) requests answered, 0 failed."
}

show() {
    say "$1:"
    indent <"$1"
}

# === the demo ===

cluster=m1=http://127.79.1.1:$peer_port,m2=http://127.79.2.1:$peer_port,m3=http://127.79.3.1:$peer_port
store=etcd://127.79.1.1:$client_port,127.79.2.1:$client_port,127.79.3.1:$client_port/demo

title "Three members of etcd, five forwarders, and a web server"
say "Everything is on loopback and in $dir, which is removed at the end."
start_etcd
start target.log env TMPDIR="$dir" traffic-forwarder demo --port 0
pids="$pids $last"
find_target() {
    target=$(sed -n 's|^target   http://\([^/]*\)/.*|\1|p' target.log)
    [ -n "$target" ] && curl -sf -m 1 "http://$target/"
}
await 20 "the web server" find_target
for n in $EDGES; do start_edge "$n"; done
say "Each forwarder has a file and a hosts file that differ in its number only:"
show edge-1.conf
show edge-1/hosts
say "$ $UNSHARE sh -c '$(edge_command 1)'"
say "  ... and edge-2 to edge-5 likewise"
have_joined() { traffic-forwarder rollout -c edge-1.conf >said && for n in $EDGES; do said "edge-$n"; done; }
await 20 "five forwarders in the store" have_joined

title "The first text, on all five at once"
cat >fleet.toml <<TEXT
[[forward]]
name = "web"
listen = "self.test:$web_port"
to = "$target"
TEXT
show fleet.toml
run 0 traffic-forwarder publish fleet.toml -c edge-1.conf --hold 2s
must_have_said 'all 5 live instances run it'
start requests client "http://127.78.[1-5].1:$web_port/"
pids="$pids $last"
await 10 "answers" has_answers 5
say "From here on, a client asks each of the five all the time."

title "A change, on one forwarder first"
echo 'max_sessions = 100' >>fleet.toml
say '$ echo "max_sessions = 100" >>fleet.toml'
run 0 traffic-forwarder publish fleet.toml -c edge-1.conf --canary 1 --hold 2s
must_have_said '(1 of 5 instances)'
must_have_said 'all 5 live instances run it'
traffic

title "A mistake: a second forward, whose target does not exist"
cat fleet.toml - >mistake.toml <<TEXT

[[forward]]
name = "api"
listen = "self.test:$api_port"
to = "127.0.0.1:$closed_port"
TEXT
show mistake.toml
# Its clients are at the forwarder that tries it.
start mistakes client "http://127.78.2.1:$api_port/"
mistaken=$last
pids="$mistaken $pids"
run 1 traffic-forwarder publish mistake.toml -c edge-1.conf --canary edge-2 --hold 30s
must_have_said 'connects to targets failed'
kill -TERM "$mistaken"
say "edge-2 counted failed connects and went back by itself, long before the end of the hold: exit code 1. The others" \
    "have never tried it."
run 0 traffic-forwarder rollout -c edge-1.conf
must_have_said 'stable on 5 of 5'
traffic

title "The store goes away: all three members of etcd are stopped"
stop_etcd
status() { traffic-forwarder status --admin "unix:$dir/edge-3/admin.sock" >said 2>&1; }
reports() { status && said "$1"; }
await 20 "a status that reports the store" reports "the fleet's store cannot be read"
say "$ traffic-forwarder status --admin unix:$dir/edge-3/admin.sock | head -n 5"
head -n 5 said | indent
await 10 "answers without a store" has_answers $(($(answered) + 50))
say "The forwarders serve on."
traffic

title "The store is back, and the forwarders follow it again by themselves"
start_etcd
follows() { status && ! said "the fleet's store cannot be read"; }
await 30 "a status without that report" follows
run 0 traffic-forwarder rollout back -c edge-1.conf
must_have_said 'all 5 live instances run it'
run 0 traffic-forwarder rollout -c edge-1.conf
must_have_said 'stable on 5 of 5'

title "The end"
traffic
say "All of it happened as it should. How to do it with your machines: docs/fleet.md"
