# The front door: every job of this project is a target here, and CI runs nothing else.
# The work itself is in tools/ (setting up, building, testing) and demo/ (the demo).

.DEFAULT_GOAL := help
.PHONY: help setup build demo up test check test-core test-simulator test-demo test-wasm test-envoy test-page test-older test-compose test-clients bench-core accept-counts versions operator-table series-table chaos bench fuzz clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building, the demo and the tests need (into .tools/, or through rustup)
	@tools/setup.sh all

build: ## Build the command, the simulator and the filter into dist/
	@tools/build.sh

demo: ## Play the labs through a real Envoy before four simulated regions
	@tools/demo.sh demo

up: ## Leave the same gateway and regions running, with three curl commands to try
	@tools/demo.sh up

test: ## Set up everything and pass every test
	@tools/test.sh all

check: ## Formatting, clippy for the machine and for wasm, documentation, dependencies
	@tools/test.sh check

test-core: ## Unit tests, properties, transcripts, scenarios on the core and on the built filter
	@tools/test.sh core

test-simulator: ## The Azure OpenAI simulator's own tests
	@tools/test.sh simulator

test-demo: ## What the demo says about the runs it is shown
	@tools/test.sh demo

test-wasm: ## The pure core's tests in Node, compiled to wasm32
	@tools/test.sh wasm

test-envoy: ## Every story on a real Envoy, the Python clients included
	@tools/test.sh envoy

test-page: ## The status page in Chromium, with screenshots in .tools/screenshots
	@tools/test.sh page

test-older: ## The stories of failover on the oldest Envoy
	@tools/test.sh older

test-compose: ## The compose stack on the Docker engine that answers; skipped where none does
	@tools/test.sh compose

test-clients: ## Of these only the Python clients: the oldest and the newest openai
	@tools/test.sh clients

bench-core: ## Count the instructions of what the core does most, and how they changed
	@tools/test.sh counts

accept-counts: ## Compare with these counts from now on; writes docs/micro-benchmarks.md
	@tools/setup.sh counts && tools/counts.sh --accept

versions: ## Tell every story on five versions of Envoy and write docs/envoy-versions.md
	@tools/versions.sh

operator-table: ## Play outages on two gateways, and write docs/what-an-operator-sees.md
	@tools/test.sh operator

series-table: ## Count series and bytes of a scrape by size, and write them into docs/metrics.md
	@tools/test.sh series

chaos: ## A minute of failing backends under load on a real Envoy (CHAOS_SECONDS, CHAOS_SEED)
	@tools/test.sh chaos

bench: ## Measure what it costs beside bare Envoy and other gateways; writes docs/benchmarks.md
	@tools/bench.sh

fuzz: ## Have libFuzzer try to break what must hold, a minute for each target
	@tools/fuzz.sh

clean: ## Remove what was built and installed inside this folder
	@tools/clean.sh
