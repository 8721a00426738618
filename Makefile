# Thin wrappers over cargo. `make` lists the targets.

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
FUZZ_SECONDS ?= 3600

# BINARY=path runs an existing binary: nothing is built then.
BUILT     :=
OPTIMIZED :=
ifeq ($(origin BINARY),undefined)
    BINARY    := ./traffic-forwarder
    BUILT     := build
    OPTIMIZED := build-optimized
endif
# What is ours alone. Tests call make again. Defaults stand above: to make, what is unexported is
# defined, and `?=` would leave it empty.
unexport BINARY CONF BUILT OPTIMIZED BUILD PACKAGE SERVICE IMAGE CONTAINER CONTAINED

# How `make build` builds, in the older program's words.
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
build: build-$(BUILD) ## Build ./traffic-forwarder (profile=1: takes profiles; memory_optimized=1: build-optimized)

.PHONY: build-release
build-release:
	cargo build --release $(PACKAGE)
	@cp -f '$(TARGET_DIR)/release/traffic-forwarder' traffic-forwarder

.PHONY: build-optimized
build-optimized: ## Build with link-time optimization of the whole program; takes longer
	cargo build --profile optimized $(PACKAGE)
	@cp -f '$(TARGET_DIR)/optimized/traffic-forwarder' traffic-forwarder

.PHONY: build-debug
build-debug: ## Build without optimization, with all checks
	cargo build $(PACKAGE)
	@cp -f '$(TARGET_DIR)/debug/traffic-forwarder' traffic-forwarder

# The release build with names, line numbers and frame pointers, which profiles need, and with the
# feature that takes them (docs/profiling.md). perf reads it, too: `perf record --call-graph fp`.
FRAME_POINTERS := RUSTFLAGS='$(RUSTFLAGS) -C force-frame-pointers=yes'

.PHONY: build-profile
build-profile:
	$(FRAME_POINTERS) cargo build --profile profile --features profile $(PACKAGE)
	@cp -f '$(TARGET_DIR)/profile/traffic-forwarder' traffic-forwarder

.PHONY: static
static: ## Build ./traffic-forwarder without shared libraries, for any distribution
	@sh scripts/static.sh traffic-forwarder

# --- run ---

# Only when it is missing.
$(CONF):
	@mkdir -p '$(@D)'
	@cp etc/traffic-forwarder.conf.example '$@'
	@echo 'created $@ from the example: put your forwards there'

.PHONY: local_run
local_run: $(BUILT) $(CONF) ## Build and run in the foreground with ./etc/traffic-forwarder.conf
	'$(BINARY)' -conf '$(CONF)'

.PHONY: local_run_optimized
local_run_optimized: $(OPTIMIZED) $(CONF) ## The same with the optimized build
	'$(BINARY)' -conf '$(CONF)'

.PHONY: start
start: $(BUILT) $(CONF) ## Build and start in the background (log: nohup.out, pid: traffic-forwarder.pid)
	@$(SERVICE) start

.PHONY: stop
stop: ## Stop what `make start` started, and wait for its end
	@$(SERVICE) stop

.PHONY: status
status: ## Say whether it runs; fails if it does not
	@$(SERVICE) status

.PHONY: demo
demo: $(BUILT) ## A target, a forward and a client in one process, until Ctrl-C
	'$(BINARY)' demo

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
dist: ## Make the packages in ./dist: tar file, .deb, bill of materials, sums
	@sh scripts/dist/dist.sh dist

.PHONY: dist-check
dist-check: ## Build the last commit's packages twice, in two directories, and compare
	@sh scripts/dist/check.sh

# --- test ---

.PHONY: test
test: test-deps lint ## Install what the tests need, then run the lints and all tests
	cargo test --workspace
	@$(MAKE) --no-print-directory test-profile
	@sh scripts/upgrade-from.sh --previous

.PHONY: test-deps
test-deps: ## Install the Debian and npm packages that the tests use and that are missing
	@sh scripts/test-deps.sh
	@sh scripts/test-deps-npm.sh

.PHONY: test-profile
test-profile: ## Test the build that takes profiles, with `go tool pprof`
	$(FRAME_POINTERS) cargo test $(PACKAGE) --profile profile --features profile --test profile

.PHONY: upgrade-test
upgrade-test: ## Upgrade in place from an earlier commit's build to this one (COMMIT=; default HEAD~1)
	@sh scripts/upgrade-from.sh $(COMMIT)

.PHONY: systemd-test
systemd-test: ## Try the package's unit under a systemd of its own, as root
	cargo test $(PACKAGE) --test packages -- --ignored live_unit --test-threads=1

.PHONY: test-race
test-race: ## Look for races and memory errors: loom, miri, AddressSanitizer
	@NIGHTLY='$(NIGHTLY)' TARGET_DIR='$(TARGET_DIR)' sh scripts/test-race.sh

.PHONY: soak-sim
soak-sim: ## Play millions of random histories of a session's decisions (HISTORIES=)
	PROPTEST_CASES='$(HISTORIES)' cargo test -p flow --test simulation

.PHONY: faults
faults: ## Let each system call fail with each error; writes docs/reliability/faults.md
	FAULTS_DOCUMENT='$(CURDIR)/docs/reliability/faults.md' \
	    cargo test $(PACKAGE) --test faults -- --ignored --nocapture

.PHONY: fuzz
fuzz: ## Fuzz the configuration and the session for an hour each (FUZZ_SECONDS=)
	@NIGHTLY='$(NIGHTLY)' sh scripts/fuzz.sh '$(FUZZ_SECONDS)'

.PHONY: fuzz-smoke
fuzz-smoke: ## Fuzz each of them for a minute
	@NIGHTLY='$(NIGHTLY)' sh scripts/fuzz.sh 60

.PHONY: fidelity
fidelity: ## Play every ending through us and the installed peers; writes docs/reliability/fidelity.md
	cargo build --release $(PACKAGE)
	cargo run --release -p bench -- fidelity --ours '$(TARGET_DIR)/release/traffic-forwarder'

.PHONY: bench
bench: bench-micro bench-compare ## Run the micro-benchmarks and the comparison (ARGS=: see bench-compare)

.PHONY: bench-micro
bench-micro: ## Run the micro-benchmarks of the data plane's parts
	cargo bench --workspace --bench '*'

COMPARE := '$(TARGET_DIR)/release/tf-load' compare --ours '$(TARGET_DIR)/release/traffic-forwarder'

.PHONY: bench-compare
bench-compare: ## Compare with other forwarders, on one CPU and on two (ARGS='--only crr --quick', ARGS=--list)
	cargo build --release $(PACKAGE) -p bench
	@status=0; \
	$(COMPARE) --cpus 0 --name one-cpu $(ARGS) || status=$$?; \
	if [ "$$(nproc)" -ge 2 ]; then \
		$(COMPARE) --cpus 0,1 --name two-cpus $(ARGS) || status=$$?; \
	else \
		echo 'there is one CPU only: no comparison on two' >&2; \
	fi; \
	exit $$status

.PHONY: bench-idle
bench-idle: ## Print memory and descriptors of 9,000 idle sessions
	cargo test --release $(PACKAGE) --test e2e -- scale:: --nocapture --test-threads=1

.PHONY: bench-views
bench-views: ## Measure what a forwarder's rate loses while both views look at it (PAIRS=25)
	cargo build --release $(PACKAGE) -p bench
	@BINARY='$(TARGET_DIR)/release/traffic-forwarder' LOAD='$(TARGET_DIR)/release/tf-load' \
	    sh scripts/views-cost.sh $(PAIRS)

# --- check ---

.PHONY: lint
lint: ## Check the form (rustfmt), lints (clippy) and dependencies (cargo-deny)
	@sh scripts/lint.sh

.PHONY: advisories
advisories: ## Look for known faults of the dependencies (cargo-deny and the RustSec database)
	@sh scripts/lint.sh advisories

.PHONY: vet
vet: ## Check that everything compiles, and lint it
	cargo check --workspace --all-targets
	@sh scripts/lint.sh clippy

.PHONY: fmt
fmt: ## Format the source
	cargo fmt --all

.PHONY: clean
clean: ## Remove what was built
	cargo clean
	rm -f traffic-forwarder

.PHONY: platform-info
platform-info: ## Show the system and the tools found
	@sh scripts/platform-info.sh
