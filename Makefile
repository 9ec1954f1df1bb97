# What there is to do with this folder. `make test` is what has to pass before anything lands.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo

# The bench is a package of its own; what it builds goes beside the product's.
BUILT := $(or $(CARGO_TARGET_DIR),target)
BENCH := --locked --manifest-path tests/bench/Cargo.toml --target-dir $(BUILT)/bench

.PHONY: help test deps fmt fmt-check lint licences tests browser rules kill sim histories rebookings backfill-year bench bench-smoke promises promises-tests
.NOTPARALLEL:

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

test: deps fmt-check lint licences tests browser rules bench-smoke ## everything: format, lints, all tests on SQLite and Postgres, the pages in a browser, the example rules, the bench in small

deps: ## what the tests need; installs Debian's packages where that is allowed
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: install it from https://rustup.rs, then try again."; exit 1; }
	@$(CARGO) fmt --version >/dev/null 2>&1 && $(CARGO) clippy --version >/dev/null 2>&1 \
	  || { command -v rustup >/dev/null && rustup component add rustfmt clippy; } \
	  || { echo "rustfmt and clippy are missing: install them beside Rust, then try again."; exit 1; }
	@missing=""; \
	command -v cc >/dev/null || missing="build-essential"; \
	for program in strace git; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	command -v "$${CHROMIUM:-chromium}" >/dev/null || missing="$$missing chromium"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	[ -n "$${WAYPOST_TEST_POSTGRES:-}" ] || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	[ -n "$$missing" ] || exit 0; \
	root=""; [ "$$(id -u)" = 0 ] || root="sudo -n"; \
	if ! command -v apt-get >/dev/null || ! $$root true 2>/dev/null; then \
	  echo "Missing: $$missing. Install what your system calls that, then try again."; \
	  echo "(A Postgres elsewhere does too: WAYPOST_TEST_POSTGRES=postgres://… of a server on which databases may be made.)"; \
	  exit 1; \
	fi; \
	echo "Installing $$missing"; \
	$$root apt-get update -q && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing

fmt: ## put the format right
	$(CARGO) fmt
	$(CARGO) fmt --manifest-path tests/bench/Cargo.toml

fmt-check:
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path tests/bench/Cargo.toml

lint: ## clippy, warnings are errors
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy $(BENCH) --all-targets -- -D warnings

licences: ## licences and sources of dependencies, where cargo-deny is installed
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check bans licenses sources; \
	 else echo "cargo-deny is not installed: licences are not looked at"; fi

# Many tests wait (for a retry, a limit, a disk), so a few more than there are processors run at the same time.
export NEXTEST_TEST_THREADS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
tests: deps ## all tests, with cargo-nextest where it is installed
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  echo "$(CARGO) nextest run"; $(CARGO) nextest run --locked --no-fail-fast && $(CARGO) test --locked --quiet --doc \
	  && $(CARGO) nextest run $(BENCH) --config-file .config/nextest.toml --no-fail-fast; \
	 else \
	  echo "$(CARGO) test"; $(CARGO) test --locked --quiet --no-fail-fast \
	  && $(CARGO) test $(BENCH) --quiet --no-fail-fast; \
	 fi

# Journeys through the pages in headless Chromium, see tests/browser: two at a time, since the walk over every page takes as
# long as all others. ONLY=viewer runs those with that in the file's name.
JOURNEYS := tests/browser
browser: deps $(JOURNEYS)/node_modules/.package-lock.json ## the pages in a browser: journeys, and axe-core on every page; ONLY=viewer runs some
	$(CARGO) build --locked --quiet
	node --test --test-concurrency=2 --test-reporter=spec $(or $(wildcard $(JOURNEYS)/journeys/*$(ONLY)*.test.mjs),$(error no journey is called $(ONLY)))

$(JOURNEYS)/node_modules/.package-lock.json: $(JOURNEYS)/package.json $(JOURNEYS)/package-lock.json | deps
	cd $(JOURNEYS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

rules: ## the example rules, the recipes, and their tests
	$(CARGO) run --locked --quiet -- check --rules rules
	$(CARGO) run --locked --quiet -- test --rules rules
	$(CARGO) test --locked --quiet --test check -- shipped # and the recipes, once they are copied to the top

ROUNDS ?= 200
kill: deps ## kill -9 at random moments, ROUNDS=200 on each database; WAYPOST_BIN=target/release/waypost for that one
	@$(call noted,make kill ROUNDS=$(ROUNDS)$(if $(WAYPOST_BIN), WAYPOST_BIN=$(WAYPOST_BIN)),kill)
	WAYPOST_KILL_ROUNDS=$(ROUNDS) $(CARGO) test --locked --quiet --test kill -- --nocapture --test-threads=1 kill_9 \
	  | tee -a $(BUILT)/kill.txt

sim: deps ## simulations of trouble: SEEDS=5000, or a range SEEDS=100..200; SEED=17 runs one and tells what happened
	$(if $(SEED),,@$(call noted,make sim$(if $(SEEDS), SEEDS=$(SEEDS)),sim))
	$(if $(SEED),WAYPOST_SIM_SEED=$(SEED),$(if $(SEEDS),WAYPOST_SIM_SEEDS=$(SEEDS))) \
	  $(CARGO) test --locked --quiet --test sim -- --nocapture $(if $(SEED)$(SEEDS),seeds) \
	  $(if $(SEED),,| tee -a $(BUILT)/sim.txt)

histories: deps ## true histories of bookings, through bad weather into a CRM: N=10000, or a range N=100..200; SEED=17 tells one
	$(if $(SEED),,@$(call noted,make histories$(if $(N), N=$(N)),histories))
	$(if $(SEED),WAYPOST_HISTORY_SEED=$(SEED),$(if $(N),WAYPOST_HISTORIES=$(N))) \
	  $(CARGO) test --locked --quiet --test sim -- --nocapture histories::$(if $(SEED),many) \
	  $(if $(SEED),,| tee -a $(BUILT)/histories.txt)

rebookings: deps ## all orders of a rebooking's webhooks, and ORDERS=5000 of a chain of three
	@$(call noted,make rebookings$(if $(ORDERS), ORDERS=$(ORDERS)),rebookings)
	WAYPOST_REBOOKINGS=$(or $(ORDERS),2000) $(CARGO) test --locked --quiet --test rebooking -- --nocapture \
	  | tee -a $(BUILT)/rebookings.txt

backfill-year: deps ## a year's backfill killed three times, against a booking system that counts every call; BOOKINGS=100000
	[ -n "$${WAYPOST_BIN:-}" ] || $(CARGO) build --release --locked
	@$(call noted,make backfill-year$(if $(BOOKINGS), BOOKINGS=$(BOOKINGS)),backfill-year)
	WAYPOST_YEAR_BOOKINGS=$(BOOKINGS) WAYPOST_BIN="$${WAYPOST_BIN:-$(BUILT)/release/waypost}" $(CARGO) test --locked --quiet --test backfill -- \
	  --ignored --nocapture a_whole_year | tee -a $(BUILT)/backfill-year.txt

# What a long run prints is kept for PROMISES.md; its first line says what it was, when, and of which sources.
noted = mkdir -p $(BUILT); echo "\# $(1), $$(date -u +%Y-%m-%dT%H:%M:%SZ), \
  commit $$(git describe --always --dirty 2>/dev/null || echo unknown)" | tr -s ' ' >$(BUILT)/$(2).txt

# The report (which nextest writes below target, wherever cargo builds) is read in any case, so that the page says which
# test failed; without a report there is no page.
RESULTS ?= target/nextest/promises/junit.xml
promises: ## runs all tests and writes PROMISES.md from what came of them; RESULTS=junit.xml reads a report that is there
	@$(if $(filter file,$(origin RESULTS)),$(MAKE) --no-print-directory promises-tests)
	$(CARGO) run --quiet $(BENCH) -- promises --results $(RESULTS) --built $(BUILT)

promises-tests: deps
	@$(CARGO) nextest --version >/dev/null 2>&1 || { \
	  echo "cargo-nextest is missing, which writes the report that PROMISES.md is made of: see https://nexte.st, then try again."; \
	  exit 1; \
	}
	@rm -f $(RESULTS)
	$(CARGO) nextest run --locked --profile promises || [ -f $(RESULTS) ]

bench: ## how fast it is beside its yardsticks: a table and target/bench.json; settings are in tests/bench/README.md
	[ -n "$${RELEASE_BIN:-}" ] || $(CARGO) build --release --locked
	RELEASE_BIN="$${RELEASE_BIN:-$(BUILT)/release/waypost}" $(CARGO) run --quiet --release $(BENCH) -- all

# Figures of a build without optimisation mean nothing; that every count is right does.
bench-smoke: deps ## whether the bench works: each of its runs in small, no figure is looked at
	$(CARGO) build --locked --quiet
	RELEASE_BIN=$(BUILT)/debug/waypost BENCH_OUT=$(BUILT)/bench-smoke.json ROUNDS=1 EVENTS=100 ACK_SECONDS=1 OPEN_SECONDS=1 \
	  IDLE_SECONDS=0.1 STORED=200 $(CARGO) run --quiet $(BENCH) -- all
