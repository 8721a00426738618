#!/bin/sh
# The container in the Makefile's words: docker.sh build|run|stop. The Makefile gives IMAGE, CONTAINER
# and CONF; DOCKER names another engine, DOCKER_ARGS more options of `run`.
set -eu

DOCKER=${DOCKER:-docker}

# The sources are copied without .git, which says which commit they are.
build() {
    commit=$(git rev-parse HEAD 2>/dev/null | cut -c 1-7)
    [ -z "$commit" ] || [ -z "$(git status --porcelain)" ] || commit=$commit+
    $DOCKER build --build-arg "TRAFFIC_FORWARDER_BUILD=$commit" --tag "$IMAGE" .
}

# The directory of the file is mounted, and not the file: an editor that replaces the file would leave
# the container with the former one. The host's network: its ports are those of the file.
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

# It drains first, as on any TERM.
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
