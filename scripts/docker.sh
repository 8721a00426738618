#!/bin/sh
# Implements the Makefile's container targets: docker.sh build|run|stop. The Makefile sets IMAGE,
# CONTAINER and CONF; DOCKER selects another engine, DOCKER_ARGS adds options to `run`.
set -eu

DOCKER=${DOCKER:-docker}

# The build context excludes .git, so the commit is passed in.
build() {
    commit=$(git rev-parse HEAD 2>/dev/null | cut -c 1-7)
    [ -z "$commit" ] || [ -z "$(git status --porcelain)" ] || commit=$commit+
    $DOCKER build --build-arg "TRAFFIC_FORWARDER_BUILD=$commit" --tag "$IMAGE" .
}

# Mounts the directory, not the file: an editor that replaces the file would leave the old one in
# the container. Uses the host's network: the ports in the file are the host's.
run() {
    directory=$(cd "$(dirname "$CONF")" && pwd)
    # shellcheck disable=SC2086 # DOCKER_ARGS is a list of words
    $DOCKER run --detach --name "$CONTAINER" --restart unless-stopped \
        --read-only --cap-drop ALL --security-opt no-new-privileges \
        --tmpfs /run/traffic-forwarder:uid=65532,gid=65532,mode=0700 \
        --volume "$directory:/etc/traffic-forwarder:ro" \
        --network host --ulimit nofile=1048576 --stop-timeout 15 ${DOCKER_ARGS-} \
        "$IMAGE" -c "/etc/traffic-forwarder/$(basename "$CONF")"
}

# SIGTERM: the process drains first.
stop() {
    $DOCKER stop "$CONTAINER"
    $DOCKER rm "$CONTAINER"
}

case ${1-} in
    build | run | stop) "$1" ;;
    *)
        echo "usage: docker.sh build|run|stop" >&2
        exit 2
        ;;
esac
