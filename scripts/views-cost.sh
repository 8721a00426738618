#!/bin/sh
# Measures the rate that a forwarder loses while `top` and the web page poll it, in alternating runs
# with both views closed and both open. Load, target and forwarder share CPU 0, the views use CPU 1.
# views-cost.sh [PAIRS]; BINARY and LOAD are the paths of the forwarder and of tf-load.
set -eu

PAIRS=${1:-25}
SECONDS_EACH=4
SESSIONS=64
LISTEN=127.0.0.1:15041
TARGET=127.0.0.1:15042
ADMIN=127.0.0.1:15043
TERMINAL=traffic-forwarder-views-cost

dir=$(mktemp -d)
forwarder='' target='' page=''
finish() {
    close_views
    [ -z "$forwarder" ] || kill "$forwarder"
    [ -z "$target" ] || kill "$target"
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

close_views() {
    exec 3>&-
    tmux -L "$TERMINAL" kill-server 2>/dev/null || true
    # The browser driver exits at the end of its input.
    [ -z "$page" ] || { kill "$page" 2>/dev/null || true; wait "$page" 2>/dev/null || true; }
    page=''
}

# Both views show sessions, which cost more than forwards.
open_views() {
    tmux -L "$TERMINAL" new-session -d -x 120 -y 40 \
        "taskset -c 1 '$BINARY' top --admin $ADMIN --token-file '$dir/token'"
    tmux -L "$TERMINAL" send-keys Tab
    mkfifo "$dir/commands"
    (cd crates/traffic-forwarder/tests/page && exec taskset -c 1 node driver.mjs) \
        <"$dir/commands" >"$dir/answers" &
    page=$!
    exec 3>"$dir/commands"
    rm "$dir/commands"
    cat >&3 <<COMMANDS
{"do":"open","url":"http://$ADMIN/"}
{"do":"fill","selector":"[name=token]","text":"$token"}
{"do":"press","key":"Enter"}
{"do":"wait","script":"document.querySelector('#state').textContent.includes('serving')"}
{"do":"press","key":"2"}
COMMANDS
}

# Checks that both views show sessions, or a run would measure nothing.
check_views() {
    echo '{"do":"wait","script":"document.querySelectorAll(`#sessions tbody tr`).length === 50"}' >&3
    for _ in $(seq 40); do
        [ "$(grep -c ok "$dir/answers")" = 6 ] &&
            tmux -L "$TERMINAL" capture-pane -p | grep -q '127\.0\.0\.1:[0-9].* ok *$' && return 0
        sleep 0.1
    done
    cat "$dir/answers" >&2
    tmux -L "$TERMINAL" capture-pane -p >&2
    echo "views-cost: a view does not show the sessions" >&2
    exit 1
}

rate() {
    taskset -c 0 "$LOAD" rr --target "$LISTEN" --sessions "$SESSIONS" --seconds "$SECONDS_EACH" --json |
        jq .rate
}

# Prints the median of the numbers on standard input, one a line.
median() {
    sort -g | awk '{ all[NR] = $1 } END { print (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'
}

token=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
(umask 077 && echo "$token" >"$dir/token")
cat >"$dir/c.toml" <<CONFIGURATION
[process]
workers = 1
admin = "$ADMIN"
admin_token_file = "$dir/token"
[log]
sessions = false
[[forward]]
name = "busy"
listen = "$LISTEN"
to = "$TARGET"
CONFIGURATION

CHROMIUM=${CHROMIUM:-$(command -v chromium)}
export CHROMIUM
taskset -c 0 "$LOAD" serve echo --listen "$TARGET" >"$dir/target" 2>&1 &
target=$!
taskset -c 0 "$BINARY" -c "$dir/c.toml" 2>"$dir/log" &
forwarder=$!
for _ in $(seq 100); do
    grep -q ready "$dir/log" && break
    sleep 0.1
done

watched() {
    open_views
    # Time for the views to connect and draw.
    sleep 3
    rate >"$dir/rate" &
    rating=$!
    check_views
    wait "$rating"
    open=$(cat "$dir/rate")
    close_views
}

rate >/dev/null
for pair in $(seq "$PAIRS"); do
    # Alternates the order, which must not affect the result.
    if [ $((pair % 2)) = 0 ]; then
        closed=$(rate)
        watched
    else
        watched
        closed=$(rate)
    fi
    echo "$pair: closed $closed, open $open per second" >&2
    echo "$closed" >>"$dir/closed"
    echo "$open" >>"$dir/open"
    awk "BEGIN { print $open / $closed }" >>"$dir/ratios"
done
echo "$PAIRS pairs of $SECONDS_EACH s, $SESSIONS sessions of 64 B request and response; medians:"
echo "closed $(median <"$dir/closed"), open $(median <"$dir/open") per second; ratio of a pair $(median <"$dir/ratios")"
