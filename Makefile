# Hearback. `make` alone lists the targets; each installs what it lacks, after saying what and why.

# What `make torture` repeats, how many races it runs and how long it fuzzes each parser, and what `make bench` measures on: a clone with
# 100,000 commits or more, as of then.
ROUNDS ?= 50
APPENDS ?= 10000
RACES ?= 200
FUZZ_SECONDS ?= 60
BENCH_REPO ?=
BENCH_UNTIL ?=
# A Python that has sentence-transformers, which `make bench` compares the sentence model with.
BENCH_PYTHON ?=
# What `make backtest` measures: a file of cases and the repositories it names, as "NAME=PATH NAME=PATH".
BACKTEST_CASES ?= ../shared/data/reverts.jsonl
BACKTEST_INCIDENTS ?= ../shared/data/incidents
# What `make model-check` lets your model look at, and anything more to say: MODEL_CHECK="--repeat 3 --most-cost 2.50".
MODEL_CHECK_DIR ?= $(BACKTEST_INCIDENTS)
MODEL_CHECK ?=
BACKTEST_RECURRENT ?= ../shared/data/recurrent.jsonl
BACKTEST_POSTMORTEMS ?= ../shared/data/postmortems
BACKTEST_REPOS ?= $(foreach pair,$(BACKTEST_MIRRORS),$(if $(wildcard $(lastword $(subst =, ,$(pair)))),$(pair)))
BACKTEST_MIRROR_DIR ?= ../.mirror
BACKTEST_MIRRORS := mediawiki-config=$(BACKTEST_MIRROR_DIR)/wikimedia+operations-mediawiki-config/repo \
	operations-puppet=$(BACKTEST_MIRROR_DIR)/wikimedia+operations-puppet/repo angle=$(BACKTEST_MIRROR_DIR)/google+angle/repo \
	deno=$(BACKTEST_MIRROR_DIR)/denoland+deno/repo nova=$(BACKTEST_MIRROR_DIR)/openstack+nova/repo \
	vector=$(BACKTEST_MIRROR_DIR)/vectordotdev+vector/repo

CARGO_HOME ?= $(HOME)/.cargo
# rustup and cargo put programs here; the shell that called make may be older than they are.
export PATH := $(CARGO_HOME)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests setup-lint setup-torture setup-mutants model mcp-peer demo install test lint bench backtest model-check torture mutants scenarios picture story

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what building and the demo need (all other targets do it too)
	@.ci/setup demo

setup-lint:
	@.ci/setup lint

setup-tests:
	@.ci/setup test

setup-torture:
	@.ci/setup torture

setup-mutants:
	@.ci/setup mutants

demo: setup ## build, replay the bundled incident, then play a rollback live; no key, no account, no network
	@cargo build --locked --bin hearback
	@cargo run --quiet --locked --bin hearback -- demo
	@$(MAKE) --no-print-directory story

story: setup-tests ## play a rollback on this machine: a page, the answer, a click, a revert, and whether it helped
	@cargo build --quiet --locked --bin hearback
	@cargo run --quiet --locked -p hearback-e2e --example story

model: ## fetch the sentence model that finds similar incidents (84 MB, once): MODEL_DIR=FOLDER for another place
	@MODEL_DIR="$(MODEL_DIR)" .ci/model

mcp-peer: ## fetch the Python SDK that the tests of MCP talk to (10 MB, once)
	@.ci/mcp-peer

install: setup ## put the optimised `hearback` into ~/.cargo/bin
	@cargo install --locked --path agent/app

test: setup-tests model mcp-peer ## run every check; the last line says how many passed and failed
	@.ci/test

lint: setup-lint ## check form, lints and, where cargo-deny is installed, dependencies
	@cargo fmt --all --check
	@cargo clippy --workspace --locked --all-targets --quiet -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check --hide-inclusion-graph; \
	else echo "cargo-deny is not installed, so licences and advisories were not checked (cargo install --locked cargo-deny)."; fi

bench: setup-tests model ## measure, on optimised builds: BENCH_REPO=PATH BENCH_UNTIL=TIME for a large clone, else a generated one
	@cargo build --release --locked --workspace --bins
	@cargo bench --locked -p hearback-git --bench enumerate -- $(if $(BENCH_REPO),--repo "$(BENCH_REPO)" --until "$(BENCH_UNTIL)")
	@cargo bench --locked -p hearback-eval --bench questions -- $(if $(BENCH_REPO),--repo "$(BENCH_REPO)" --until "$(BENCH_UNTIL)")
	@cargo bench --locked -p hearback-eval --bench frozen
	@cargo bench --locked -p hearback-record --bench append
	@cargo bench --locked -p hearback-minilm --bench embed -- $(if $(BENCH_PYTHON),--python "$(BENCH_PYTHON)")
	@cargo bench --locked -p hearback-qdrant --bench search
	@cargo bench --locked -p hearback-e2e --bench ask
	@cargo bench --locked -p hearback-e2e --bench load
	@cargo bench --locked -p hearback-e2e --bench channel
	@cargo bench --locked -p hearback-e2e --bench deep

backtest: setup model ## ask the report half of the public rollbacks, frozen incidents, memory and experts, and write eval/RESULTS.md, where the data is present
	@if [ ! -f "$(BACKTEST_CASES)" ] || [ -z "$(strip $(BACKTEST_REPOS))" ]; then \
		echo "The cases or their repositories are not here; say BACKTEST_CASES=FILE BACKTEST_REPOS=\"NAME=PATH …\"."; exit 1; fi
	@cargo build --quiet --release --locked --bin hearback
	@target/release/hearback backtest cases --cases "$(BACKTEST_CASES)" $(addprefix --repo ,$(BACKTEST_REPOS)) \
		--half report --only-symptoms --no-misses --report target/results.md
	@cat eval/about-results.md target/results.md > eval/RESULTS.md
	@if [ -d "$(BACKTEST_INCIDENTS)" ]; then { cat eval/about-incidents.md; echo '```'; \
		target/release/hearback backtest incidents --dir "$(BACKTEST_INCIDENTS)" --perturb 20; echo '```'; } >> eval/RESULTS.md; fi
	@if [ -f "$(BACKTEST_RECURRENT)" ]; then { echo; cat eval/about-memory.md; echo '```'; \
		target/release/hearback backtest memory --no-misses --docs "$(BACKTEST_RECURRENT)"; echo '```'; } >> eval/RESULTS.md; fi
	@if [ -d "$(BACKTEST_POSTMORTEMS)" ]; then { cat eval/about-postmortems.md; echo '```'; target/release/hearback backtest memory --no-misses \
		--docs "$(BACKTEST_POSTMORTEMS)/docs.jsonl" --queries "$(BACKTEST_POSTMORTEMS)/queries.jsonl"; echo '```'; } >> eval/RESULTS.md; fi
	@{ cat eval/about-experts.md; echo '```'; target/release/hearback backtest experts --cases "$(BACKTEST_CASES)" \
		$(addprefix --repo ,$(BACKTEST_REPOS)) --half report --only-symptoms; echo '```'; } >> eval/RESULTS.md

model-check: setup ## let the model of [model] look at frozen incidents beside the answers without it: MODEL_CHECK_DIR=FOLDER
	@if [ ! -d "$(MODEL_CHECK_DIR)" ]; then echo "There is no $(MODEL_CHECK_DIR); say MODEL_CHECK_DIR=FOLDER: folders of the form of" \
		"github.com/edgedelta/root-cause-bench, or incidents of yours by \`hearback export incident INC FOLDER\` with a truth.json."; exit 1; fi
	@cargo build --quiet --release --locked --bin hearback
	@target/release/hearback backtest model --dir "$(MODEL_CHECK_DIR)" $(MODEL_CHECK)

torture: setup-torture ## kill the record and the approvals while they write, fuzz every parser: ROUNDS, APPENDS, RACES, FUZZ_SECONDS
	@HEARBACK_TORTURE_ROUNDS="$(ROUNDS)" HEARBACK_TORTURE_APPENDS="$(APPENDS)" \
		cargo nextest run --workspace --locked --test crash --profile torture --test-threads 1
	@HEARBACK_TORTURE_ROUNDS="$(RACES)" \
		cargo nextest run -p hearback-e2e --locked --test exactly_once --profile torture --test-threads 1
	@FUZZ_SECONDS="$(FUZZ_SECONDS)" tests/fuzz/run

# cargo-mutants works in a copy outside of this folder. It builds in a place of its own: where others build too, a test waits
# for them, and what waits too long counts as found. Each half runs; if one fails, so does the target.
MUTANTS := CARGO_TARGET_DIR="$(CURDIR)/target/mutants/build" cargo mutants --no-shuffle -j1
DESK_TESTS := --lib --test=approval --test=exactly_once
mutants: setup-mutants ## change the code of approvals, redaction and quoting in every small way and fail if no test notices one (two hours)
	@mkdir -p target/mutants/core target/mutants/prompts target/mutants/desk
	@ended=0; \
	$(MUTANTS) --output target/mutants/core -p hearback-core \
		-f agent/core/src/approval.rs -f agent/core/src/target.rs -f agent/core/src/action.rs \
		-f agent/core/src/redaction.rs -f 'agent/core/src/redaction/*.rs' || ended=1; \
	$(MUTANTS) --output target/mutants/prompts -p hearback-prompts || ended=1; \
	cargo nextest run --locked -p hearback-engine -p hearback-e2e $(DESK_TESTS) || exit 1; \
	$(MUTANTS) --output target/mutants/desk -f agent/engine/src/approval.rs --baseline skip --timeout 240 \
		--test-package hearback-engine,hearback-e2e $(addprefix --cargo-arg=,$(DESK_TESTS)) || ended=1; \
	exit $$ended

scenarios: setup ## write the bundled incidents anew from their scenarios
	@cargo run --quiet --locked -p hearback-testkit --bin write-scenarios -- --write

picture: setup ## draw the picture of the README anew from what the program prints
	@cargo run --quiet --locked --bin hearback -- demo --fast | sed -n '/ALERT CheckoutFailed/,/^Searched/p' \
		| cargo run --quiet --locked --bin terminal-picture -- "hearback demo" > agent/app/demo/demo.svg
