# Thin wrappers over cargo. `make` lists the targets with `##`; the others are the older program's, or
# parts of listed ones. Commands for developers of this program only are in `cargo xtask`.

-include .env.local
export

.DEFAULT_GOAL := help

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
PACKAGE    := -p traffic-forwarder
CONF       ?= etc/traffic-forwarder.conf
IMAGE      ?= traffic-forwarder
CONTAINER  ?= traffic-forwarder
NIGHTLY    ?= +nightly
HISTORIES  ?= 2000000
ENGINE_SECONDS ?= 3600
FUZZ_SECONDS ?= 3600

# BINARY=path runs an existing binary, without a build.
BUILT     :=
OPTIMIZED :=
ifeq ($(origin BINARY),undefined)
    BINARY    := ./traffic-forwarder
    BUILT     := build
    OPTIMIZED := build-optimized
endif
# Not for child processes: tests call make again. Defaults must precede this line: `unexport` defines
# a variable, and `?=` would leave it empty.
unexport BINARY CONF BUILT OPTIMIZED BUILD PACKAGE SERVICE IMAGE CONTAINER CONTAINED

# Build variants under the older program's names.
ifeq ($(memory_optimized),1)
    BUILD := optimized
else ifeq ($(gc_debug),1)
    BUILD := debug
else ifeq ($(profile),1)
    BUILD := profile
else
    BUILD := release
endif

SERVICE := BINARY='$(BINARY)' CONF='$(CONF)' sh scripts/service.sh

.PHONY: help
help: ## Show this list
	@printf 'Usage: make <target>\n\n'
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' Makefile

# --- build ---

.PHONY: build
build: build-$(BUILD) ## Build ./traffic-forwarder (profile=1, memory_optimized=1 or gc_debug=1: another build)

.PHONY: build-release
build-release:
	cargo build --release $(PACKAGE)
	@cp -f '$(TARGET_DIR)/release/traffic-forwarder' traffic-forwarder

# Whole-program link-time optimization: a slower build.
.PHONY: build-optimized
build-optimized:
	cargo build --profile optimized $(PACKAGE)
	@cp -f '$(TARGET_DIR)/optimized/traffic-forwarder' traffic-forwarder

# Without optimization, with all checks.
.PHONY: build-debug
build-debug:
	cargo build $(PACKAGE)
	@cp -f '$(TARGET_DIR)/debug/traffic-forwarder' traffic-forwarder

# The release build with symbols, line numbers, frame pointers, and the feature that takes profiles
# (docs/profiling.md). Also for perf: `perf record --call-graph fp`.
FRAME_POINTERS := RUSTFLAGS='$(RUSTFLAGS) -C force-frame-pointers=yes'

.PHONY: build-profile
build-profile:
	$(FRAME_POINTERS) cargo build --profile profile --features profile $(PACKAGE)
	@cp -f '$(TARGET_DIR)/profile/traffic-forwarder' traffic-forwarder

.PHONY: static
static: ## Build ./traffic-forwarder without shared libraries, for any distribution
	@sh scripts/static.sh traffic-forwarder

# --- run ---

# Only if missing.
$(CONF):
	@mkdir -p '$(@D)'
	@cp etc/traffic-forwarder.conf.example '$@'
	@echo 'created $@ from the example: add your forwards'

.PHONY: local_run
local_run: $(BUILT) $(CONF) ## Build and run in the foreground with ./etc/traffic-forwarder.conf
	'$(BINARY)' -conf '$(CONF)'

# The same with the optimized build.
.PHONY: local_run_optimized
local_run_optimized: $(OPTIMIZED) $(CONF)
	'$(BINARY)' -conf '$(CONF)'

.PHONY: start
start: $(BUILT) $(CONF) ## Build and start in the background (log: nohup.out, pid: traffic-forwarder.pid)
	@$(SERVICE) start

.PHONY: stop
stop: ## Stop the process of `make start`, and wait for its exit
	@$(SERVICE) stop

.PHONY: status
status: ## Print whether the process runs; fails if not
	@$(SERVICE) status

.PHONY: demo
demo: $(BUILT) ## A target, a forward and a client in one process, until Ctrl-C
	'$(BINARY)' demo

.PHONY: fleet-demo
fleet-demo: $(BUILT) ## Five forwarders on three members of etcd: trials, a mistake, an outage; half a minute
	@BINARY='$(BINARY)' sh scripts/fleet-demo.sh

# --- packages ---

CONTAINED := IMAGE='$(IMAGE)' CONTAINER='$(CONTAINER)' CONF='$(CONF)' sh scripts/docker.sh

.PHONY: docker-build
docker-build: ## Build the container image (IMAGE=traffic-forwarder, DOCKER=docker)
	@$(CONTAINED) build

.PHONY: docker-run
docker-run: $(CONF) ## Run it in the background on the host's network (CONTAINER=, CONF=, DOCKER_ARGS=)
	@$(CONTAINED) run

.PHONY: docker-stop
docker-stop: ## Stop it, after draining, and remove the container
	@$(CONTAINED) stop

.PHONY: dist
dist: ## Make the packages in ./dist: tar files, .deb, bill of materials, sums
	@sh scripts/dist/dist.sh dist

# Build the last commit's packages twice, in two directories, and compare.
.PHONY: dist-check
dist-check:
	@sh scripts/dist/check.sh

# --- test ---

# Many end-to-end tests wait for a timeout: four threads keep two CPUs busy.
TEST := RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} cargo test --workspace

.PHONY: test
test: test-deps lint ## Install the tests' dependencies, then run all lints and tests that gate a change
	$(TEST)
	@sh scripts/upgrade-from.sh --previous

SMOKE := forwarding:: endings:: limits:: command_line:: bad_input:: reload::forwards::

.PHONY: test-fast
test-fast: ## Run the unit tests, the tests of documents and sources, and a few end-to-end tests
	$(TEST) --lib --bins --test docs --test tidy
	$(TEST) --test e2e -- $(SMOKE)

.PHONY: test-nightly
test-nightly: test-deps ## Run the tests that take hours: races, fuzzing, faults, budgets, benchmarks (FUZZ_SECONDS=)
	@NIGHTLY='$(NIGHTLY)' TARGET_DIR='$(TARGET_DIR)' FUZZ_SECONDS='$(FUZZ_SECONDS)' \
	    HISTORIES='$(HISTORIES)' ENGINE_SECONDS='$(ENGINE_SECONDS)' sh scripts/test-nightly.sh

# Histories of the engine on the simulated kernel, for an hour: SECONDS=, COUNT=, FIRST= the first seed.
.PHONY: soak-sim
soak-sim:
	@cargo xtask soak-engine $(if $(SECONDS),--seconds $(SECONDS)) $(if $(COUNT),--count $(COUNT)) \
	    $(if $(FIRST),--first $(FIRST))

# Faults of crates/simulation/faults, one at a time, each to be found by the simulation: NAMES= parts of names.
.PHONY: sim-faults
sim-faults:
	@cargo xtask sim-faults $(NAMES)

# The package's unit under a systemd in a scratch root; needs root.
.PHONY: systemd-test
systemd-test:
	@cargo xtask systemd-test

.PHONY: test-race
test-race: ## Look for races and memory errors: loom, miri, AddressSanitizer
	@NIGHTLY='$(NIGHTLY)' TARGET_DIR='$(TARGET_DIR)' sh scripts/test-race.sh

# Missing Debian and npm packages of the tests.
.PHONY: test-deps
test-deps:
	@sh scripts/test-deps.sh
	@sh scripts/test-deps-npm.sh

# Tests of the profiling build, with `go tool pprof`.
.PHONY: test-profile
test-profile:
	$(FRAME_POINTERS) cargo test $(PACKAGE) --profile profile --features profile --test profile

.PHONY: bench
bench: ## Run the micro-benchmarks, and the comparison with other forwarders (ARGS='--only crr --quick')
	cargo xtask bench-micro
	cargo xtask bench-compare $(ARGS)

# Failing targets, name servers and roles behind this and other forwarders: writes docs/reliability/failover.md.
.PHONY: failover
failover:
	cargo xtask failover

# Crowds of clients before this and other forwarders: writes docs/reliability/neighbours.md.
.PHONY: abuse
abuse:
	cargo xtask abuse

# Roll-outs and faults of a fleet under traffic, its times, and a model: writes docs/reliability/fleet.md.
.PHONY: fleet
fleet:
	cargo xtask fleet $(ARGS)

# --- check ---

.PHONY: lint
lint: ## Check formatting (rustfmt), lints (clippy) and dependencies (cargo-deny)
	@sh scripts/lint.sh

# The older program's name for compile checks.
.PHONY: vet
vet:
	cargo check --workspace --all-targets
	@sh scripts/lint.sh clippy

.PHONY: fmt
fmt: ## Format the source
	cargo fmt --all

.PHONY: clean
clean: ## Remove build results
	cargo clean
	rm -f traffic-forwarder
