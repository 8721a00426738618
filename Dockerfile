# Only a static binary, run by an unprivileged user: see docs/installation.md.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The build id in `--version`; `make docker-build` sets it.
ARG TRAFFIC_FORWARDER_BUILD
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    sh scripts/static.sh /traffic-forwarder \
    && mkdir -p /empty

FROM scratch
COPY --from=build /traffic-forwarder /usr/bin/traffic-forwarder
# Owned by the process's user, for the admin socket. A read-only container needs a tmpfs there.
COPY --from=build --chown=65532:65532 --chmod=0700 /empty /run/traffic-forwarder
USER 65532:65532
# A command of the program: the image has no shell and no curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/usr/bin/traffic-forwarder", "status", "--check"]
ENTRYPOINT ["/usr/bin/traffic-forwarder"]
CMD ["-c", "/etc/traffic-forwarder/traffic-forwarder.conf"]
