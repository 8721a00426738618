#!/bin/sh
# Prints three screens of `traffic-forwarder top` under load, the forwards, the sessions and the
# targets: the text captures in docs/views.md. Needs cargo, tmux, and the ports 18080 to 18083 and
# 19000 of 127.0.0.1.
set -eu

cd "$(dirname "$0")/.."
cargo build --quiet --release -p traffic-forwarder -p bench
bin=${CARGO_TARGET_DIR:-target}/release
bin=$(cd "$bin" && pwd)
dir=$(mktemp -d)
started=

# Ends the processes that this script started.
finish() {
    tmux -S "$dir/tmux" kill-server 2>/dev/null || true
    # shellcheck disable=SC2086 # one argument per process
    [ -z "$started" ] || kill $started 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

start() {
    "$@" >"$dir/output" 2>&1 &
    started="$started $!"
}

screen() {
    LC_ALL=C.UTF-8 tmux -u -S "$dir/tmux" -f /dev/null "$@"
}

# Waits at most 10 s until the screen contains the pattern.
shows() {
    tries=100
    until screen capture-pane -p | grep -qF -e "$1"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || {
            echo "capture-top.sh: no \`$1\` within 10 s on this screen:" >&2
            screen capture-pane -p >&2
            cat "$dir/log" >&2
            exit 1
        }
        sleep 0.1
    done
}

cat >"$dir/forwards.toml" <<EOF
[process]
admin = "unix:$dir/admin.sock"
[log]
sessions = false
[[forward]]
name = "web"
listen = "127.0.0.1:18080"
to = "127.0.0.1:19000"
[[forward]]
name = "db"
listen = "127.0.0.1:18081"
to = "127.0.0.1:19000"
max_sessions = 200
[[forward]]
name = "cache"
listen = "127.0.0.1:18082"
to = "127.0.0.1:19000"
max_sessions = 8
[[forward]]
name = "mail"
listen = "127.0.0.1:18083"
to = ["127.0.0.1:1", "127.0.0.1:2"]
balance = "first"
passive = { failures = 1, down = "1h", down_max = "1h" }
EOF

start "$bin/tf-load" serve echo --times 6 --listen 127.0.0.1:19000
"$bin/traffic-forwarder" -c "$dir/forwards.toml" >"$dir/log" 2>&1 &
started="$started $!"
screen new-session -d -x 80 -y 16 \
    "until $bin/traffic-forwarder status --admin unix:$dir/admin.sock; do sleep 0.1; done
     exec $bin/traffic-forwarder top --admin unix:$dir/admin.sock"
shows F10Quit
start "$bin/tf-load" latency --target 127.0.0.1:18080 --rate 2000 --sessions 40 --size 2048 --seconds 60
start "$bin/tf-load" latency --target 127.0.0.1:18081 --rate 500 --sessions 12 --size 512 --seconds 60
start "$bin/tf-load" latency --target 127.0.0.1:18082 --rate 80 --sessions 8 --size 64 --seconds 60
# Fails: the target refuses.
"$bin/tf-load" rr --target 127.0.0.1:18083 --sessions 1 --seconds 1 >"$dir/output" 2>&1 || true
shows 60\ sessions
# Time for the trend columns to fill.
sleep 25
screen capture-pane -p
echo
screen send-keys Tab
shows VERDICT
sleep 2
screen capture-pane -p
echo
screen send-keys Tab
shows WHY
screen capture-pane -p
