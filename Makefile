# Bowline's commands for people and for CI. Needs npm, make and git; the pinned Node comes with the packages.

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
INSTALLED := node_modules/.bowline-stamp
BENCH := bench/node_modules/.bowline-stamp

# What a user types reaches the scripts through the environment, letter by letter: $(value) and := keep make from
# expanding `$` in it, and no shell ever parses it.
ifneq ($(origin ASK),undefined)
override export ASK := $(value ASK)
endif
ifneq ($(origin DIR),undefined)
override export DIR := $(value DIR)
endif

.DEFAULT_GOAL := help
.PHONY: help gen build demo tour up test chaos chaos-money fuzz memory memory-flat soak bench docker-test test-llama test-s3 check verify clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

# Installs only if node_modules does not hold what the lock file names.
$(INSTALLED): package-lock.json
	@node scripts/installed.mjs || npm ci --prefer-offline --no-audit --no-fund --loglevel=error
	@touch $@

gen: $(INSTALLED) ## Generate gen/ from proto/
	@npm run --silent gen

build: $(INSTALLED) ## Bundle the programs into dist/ if a source is newer
	@npm run --silent build -- --if-stale

demo: build ## Ask a question about a folder, not shared and shared: [DIR=path] [ASK="question"]
	@node scripts/demo.mjs

tour: build ## Take the pictures of docs/tour.md, docs/approvals.md and docs/money.md again, from the real programs in a terminal: [ONLY=name,...]
	@node scripts/tour.ts
	@[ -n "$$ONLY" ] || node scripts/approval-captures.ts
	@[ -n "$$ONLY" ] || node scripts/money-captures.ts

up: build ## Run everything on this machine over a folder: [DIR=path], by default docs/, [PORT=number], by default 7420
	@exec ./bowline up --allow "$${DIR:-docs}" $${PORT:+--port "$$PORT"}

test: build ## Run all tests; the last line counts them
	@npm run --silent test

chaos: build ## Real programs, Postgres and Redis killed, stopped and cut off while they work: [SEEDS=50] [SEED=n]
	@SEEDS="$${SEEDS:-50}" node test/chaos/main.ts

chaos-money: build ## 200 runs against a budget for 50 while replicas are killed and answers of commits are lost: [SEEDS=20] [SEED=n]
	@SEEDS="$${SEEDS:-20}" node test/chaos/spend-main.ts

fuzz: build ## Hostile inputs from seeds against the port, frames, tools, parsers: [MINUTES=10] [ONLY=name,...] [SEED=n]
	@node test/fuzz/main.ts

memory: build ## Measure the memory of the edge and of `up` after 2,000 and 1,000 calls beside a bare Node process
	@failed=0; node scripts/edge-memory.ts || failed=1; node scripts/up-memory.ts || failed=1; exit $$failed

memory-flat: build ## Does the edge's memory stay within 3 MB of its first hour? [HOURS=24] [CALLS=20000] [INDEX=1]
	@node scripts/edge-flat.ts "$${HOURS:-24}" "$${CALLS:-20000}" $(if $(INDEX),index)

soak: build ## Do tables, memory and latencies level off with retention set to minutes? [MINUTES=30] [RATE=24]
	@node scripts/soak.ts "$${MINUTES:-30}" "$${RATE:-24}"

# A local model is optional: its library is installed by this alone, small and apart from Bowline's own packages.
LLAMA := .build/llama
$(LLAMA)/.bowline-stamp: src/worker/llama/llama.ts $(INSTALLED)
	@node scripts/install-llama.ts $(LLAMA)
	@touch $@

test-llama: build $(LLAMA)/.bowline-stamp ## Run the tests of local models with node-llama-cpp: [BOWLINE_TEST_GGUF=file]
	@npm run --silent test -- test/llama

# So is the client of S3, with a server to test it on.
S3 := .build/s3
$(S3)/.bowline-stamp: src/control/blobs/s3-library.ts scripts/install-s3.ts $(INSTALLED)
	@node scripts/install-s3.ts $(S3)
	@touch $@

test-s3: build $(S3)/.bowline-stamp ## Run the tests of large payloads in a bucket, with a real server of S3
	@npm run --silent test -- test/s3

# What Bowline is measured beside is installed by this alone, without install scripts.
$(BENCH): bench/package-lock.json
	@npm ci --prefix bench --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
	@touch $@

bench: build $(BENCH) ## Measure beside the peers: [QUICK=1] [ONLY=name,...] [PROFILE=1] [CHECK=1]
	@node bench/src/$(if $(PROFILE),profile,main).ts

docker-test: $(INSTALLED) ## The compose project with real Postgres and Redis, in a Docker engine of its own: [KEEP=1] [ONLY=check,...]
	@node docker/test/main.mjs

CHECKS := lint typecheck depcruise gen-check lint-proto breaking
.PHONY: $(CHECKS)
$(CHECKS): build
	@npm run --silent $@

check: $(CHECKS) ## Format, lint, types, import rules, generated code, protos: all of verify but the tests

verify: check test ## Everything that CI checks

clean: ## Remove what was built (not the packages)
	rm -rf dist coverage .build
