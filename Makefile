# Everyday commands. `make` alone lists them.

# Handed to every cargo command that resolves dependencies; CI sets --locked.
CARGO_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test embedding simulate mutants nightly lint docs deny bench overload crowds fuzz schemathesis deploy dashboards check

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

run: ## serve in development mode on the loopback address
	cargo run $(CARGO_FLAGS) --release --bin tidegate -- serve --dev

# What is about the files of the embedded store, and what no store has a part in: not again on PostgreSQL.
ON_FILES := faults::disk_full faults::every_call faults::failed_sync faults::files faults::logs_nowhere faults::one_process \
	faults::read_only faults::short_write faults::torn_tail a_failing_disk what_clients_send_is_in_their doctor_finds_a_sound \
	is_in_no_file is_readable_by_its_owner a_rebuild_counts connections_leave_the_log a_log_that_finds_no_free workspace:: fuzz:: smuggling:: overload:: many:: deploy::

# Beside a PostgreSQL and a Redis of its own (.ci/servers): install the packages postgresql and redis-server.
test: ## every test of the workspace, doc tests too; with cargo-nextest where it is installed
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo test $(CARGO_FLAGS) --workspace --doc && \
		.ci/servers cargo nextest run $(CARGO_FLAGS) --workspace --no-fail-fast && \
		TEST_STORE=postgres .ci/servers cargo nextest run $(CARGO_FLAGS) -p tidegate-server --test it --no-fail-fast \
			-- $(addprefix --skip ,$(ON_FILES)); \
	else \
		set -x; .ci/servers cargo test $(CARGO_FLAGS) --workspace --no-fail-fast && \
		TEST_STORE=postgres .ci/servers cargo test $(CARGO_FLAGS) -p tidegate-server --test it --no-fail-fast \
			-- $(addprefix --skip ,$(ON_FILES)); \
	fi

# The encoder on real weights: MODEL=DIR holds all-MiniLM-L6-v2 (config.json, tokenizer.json, model.safetensors).
embedding: ## the encoder against reference vectors, by every kernel of this processor; needs MODEL=DIR
	@test -n "$(MODEL)" || { echo "say MODEL=DIR: a folder with config.json, tokenizer.json, model.safetensors" >&2; exit 2; }
	TIDEGATE_TEST_MODEL=$(abspath $(MODEL)) cargo test $(CARGO_FLAGS) -p tidegate-embedding --test it -- --ignored

# SQLite syncs less slowly in memory, and a simulated disk needs no real one.
SIMULATED_ON = TMPDIR=$$(test -w /dev/shm && echo /dev/shm || echo "$${TMPDIR:-/tmp}")

simulate: ## the log's promise on SEEDS=1000 simulated machines; SEED=n shows one of them
	$(SIMULATED_ON) cargo run $(CARGO_FLAGS) -q --bin simulate -- $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000))

mutants: ## plant bugs one at a time, and see the simulation find each
	$(SIMULATED_ON) crates/simulator/mutants.sh

# Faults of real processes on real files: many more rounds, every call instead of some, and a mounted ext4. As root.
NIGHTLY := FREEZE_S=30 CUTS=400 KILL_ROUNDS=100 POINTS=1000000 ANALYSIS_KILLS=60 JOBS_QUEUED=100000 REQUIRE_ALL=1
nightly: ## the fault tests in full: 100 kills, a fault at every call; about ten minutes, needs root and strace
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; $(NIGHTLY) cargo nextest run $(CARGO_FLAGS) -p tidegate-server --test it --run-ignored all \
			--no-fail-fast --success-output final faults:: many:: clock:: canary:: analysis::; \
	else \
		set -x; $(NIGHTLY) cargo test $(CARGO_FLAGS) -p tidegate-server --test it --no-fail-fast -- \
			--include-ignored --show-output faults:: many:: clock:: canary:: analysis::; \
	fi

lint: ## formatting and clippy, warnings are errors
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

docs: ## the API documentation; broken links are errors
	RUSTDOCFLAGS=-Dwarnings cargo doc $(CARGO_FLAGS) --workspace --no-deps

deny: ## licences, banned crates and sources; needs cargo-deny
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny check licenses bans sources

bench: ## load the ingest path and print rates and percentiles
	cargo run $(CARGO_FLAGS) --release --bin tidegate -- bench ingest

# Seconds for each target.
SECONDS ?= 60
FUZZ_TARGETS ?= chat config envelope frames moderation reading screen

fuzz: ## every fuzz target for SECONDS=60 each; needs cargo-fuzz, see docs/fuzzing.md
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz" >&2; exit 1; }
	RUSTC_BOOTSTRAP=1 cargo fuzz build -s none
	@fuzz/run "$(SECONDS)" $(FUZZ_TARGETS)

# Inputs for each operation of the document.
EXAMPLES ?= 100

schemathesis: ## ask a development server everything its OpenAPI document allows, EXAMPLES=100 an operation; needs Python 3
	cargo build $(CARGO_FLAGS) --bin tidegate
	@.ci/schemathesis "$(EXAMPLES)"

deploy: ## validate Dockerfile, compose, Kubernetes manifests, alerts and dashboards; needs Prometheus, Python 3
	@.ci/deploy

dashboards: ## ask a real Prometheus all that dashboards and alerts ask, of a running server; needs Prometheus
	cargo build $(CARGO_FLAGS) --bin tidegate
	@.ci/dashboards

overload: ## offer three times capacity for a minute: memory, refusals, drain, nothing lost
	cargo run $(CARGO_FLAGS) --release --bin tidegate -- bench overload

crowds: ## a session of a million events, 100 000 sessions, 10 000 idle readers
	cargo run $(CARGO_FLAGS) --release --bin tidegate -- bench crowds

check: lint docs test deny ## all that must hold before a change is merged
