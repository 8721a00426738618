#!/bin/sh
# Starts, stops and checks one forwarder in the background: service.sh start|stop|status.
# The Makefile sets BINARY and CONF. The pid file and the log are in the current directory.
set -eu

PID_FILE=traffic-forwarder.pid
LOG=nohup.out
# In tenths of a second.
START_WAIT=50
STOP_WAIT=300

case $CONF in
    /*) ;;
    # The absolute path distinguishes our process from another clone's.
    *) CONF=$PWD/$CONF ;;
esac

# Prints the PID of the process that `start` started. Ignores a PID in the file unless its process
# has this configuration file on its command line.
running_pid() {
    pid=$(cat "$PID_FILE" 2>/dev/null) || return 1
    [ -n "$pid" ] || return 1
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -e "$CONF" || return 1
    echo "$pid"
}

forget_stale_pid() {
    [ -e "$PID_FILE" ] || [ -L "$PID_FILE" ] || return 0
    rm -f "$PID_FILE"
    echo "removed a stale $PID_FILE"
}

# In a directory writable by other users, a planted link could redirect our writes.
refuse_link() {
    [ ! -L "$1" ] || {
        echo "$1 is a symbolic link: remove it, or start from another directory" >&2
        return 1
    }
}

# Log lines since this start.
new_log() {
    tail -c "+$((log_size + 1))" "$LOG"
}

is_ready() {
    new_log | grep -qE ' ready( |$)|"message":"ready"'
}

start() {
    if pid=$(running_pid); then
        echo "already running, pid $pid" >&2
        return 1
    fi
    forget_stale_pid
    refuse_link "$LOG" || return 1
    touch "$LOG"
    log_size=$(wc -c <"$LOG")
    # A new process session: the end of this terminal and Ctrl-C do not reach it, and without nohup
    # HUP still reloads the file.
    setsid "$BINARY" -conf "$CONF" </dev/null >>"$LOG" 2>&1 &
    pid=$!
    # With -C the shell creates a new file only, and follows no link.
    rm -f "$PID_FILE"
    (set -C && echo "$pid" >"$PID_FILE")
    tenths=0
    while [ "$tenths" -lt "$START_WAIT" ]; do
        if is_ready; then
            new_log | grep -E ' WARN |"level":"warn"' | tail -n 20 >&2 || true
            echo "started, pid $pid, log in $LOG"
            return 0
        fi
        if ! kill -0 "$pid" 2>/dev/null; then
            status=0
            wait "$pid" || status=$?
            rm -f "$PID_FILE"
            echo "the process exited with status $status; the end of $LOG:" >&2
            new_log | tail -n 20 >&2
            return 1
        fi
        sleep 0.1
        tenths=$((tenths + 1))
    done
    echo "running, pid $pid, but the log has no \"ready\": is its level above info?"
}

stop() {
    if ! pid=$(running_pid); then
        forget_stale_pid
        echo "not running"
        return 0
    fi
    kill -TERM "$pid"
    tenths=0
    while running_pid >/dev/null; do
        if [ "$tenths" -ge "$STOP_WAIT" ]; then
            echo "pid $pid still drains its sessions; run stop again to end them at once" >&2
            return 1
        fi
        sleep 0.1
        tenths=$((tenths + 1))
    done
    rm -f "$PID_FILE"
    echo "stopped, pid was $pid"
}

status() {
    if pid=$(running_pid); then
        echo "running, pid $pid"
    else
        echo "not running"
        return 1
    fi
}

case ${1-} in
    start | stop | status) "$1" ;;
    *)
        echo "usage: service.sh start|stop|status" >&2
        exit 2
        ;;
esac
