# Everything a person or a machine does with this folder; `make help` lists it.
# What must stop well is exec'ed as node itself: npm neither forwards nor survives SIGTERM.

.DEFAULT_GOAL := help
SHELL := /bin/bash
# npm's Node 26 and tools come before the system's.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

MODULES := node_modules/.package-lock.json
TEXT_SAMPLE := experiments/application/gcd/build/gcd.wasm
SCRIPT_SAMPLE := functions/assemblyscript/authentication/build/authentication.wasm
HELLO_SAMPLE := functions/assemblyscript/hello/build/hello.wasm

apps: $(MODULES) ## builds WasmEngine's samples, in experiments/application, and says what is missing for the others
functions: $(MODULES) ## builds the same contracts in other languages, in functions, likewise
include experiments/application/build.mk functions/build.mk

help: ## lists what make can do here
	@sed -nE 's/^([a-z][a-z-]*):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

run: $(MODULES) ## starts the gateway, deploys samples from a registry, invokes them, keeps serving
	@.ci/packages docker-registry libatomic1
	@$(MAKE) -s $(TEXT_SAMPLE) $(SCRIPT_SAMPLE) $(HELLO_SAMPLE)
	@exec node experiments/demonstration/run.ts $(SCRIPT_SAMPLE) $(HELLO_SAMPLE) $(TEXT_SAMPLE)

test: $(MODULES) tools ## runs all tests; ARGS="test/oci --watch" goes to jest
	@NODE_OPTIONS=--experimental-vm-modules exec node node_modules/jest/bin/jest.js $(ARGS)

check: static test ## types, lint, format and tests: what must be green before a commit

static: $(MODULES) ## types, lint and format only
	tsc
	eslint --max-warnings 0 .
	prettier --check --log-level warn .

format: $(MODULES) ## rewrites the sources as the formatter wants them
	prettier --write --log-level warn .

fuzz: $(MODULES) ## compares used, fresh and original instances of generated modules; SECONDS=60 SEED=…
	@SECONDS="$(or $(SECONDS),60)" SEED="$(SEED)" exec node test/support/fuzz.ts

BENCHES := $(wildcard benches/*.ts)
bench: $(MODULES) ## measures, some eight minutes; ARGS="--seconds 1 --rounds 2" goes to each; see benches/README.md
	@.ci/packages docker-registry wrk curl clang lld wasi-libc libclang-rt-14-dev-wasm32 rustc libstd-rust-dev-wasm32
	@$(MAKE) -s apps functions >/dev/null
	@rm -rf benches/build/results; failed=; for bench in $(BENCHES); do node $$bench $(ARGS) || failed+=" $$bench"; done; \
	node benches/support/publish.ts && prettier --write --log-level warn benches/README.md; \
	[ -z "$$failed" ] || { echo "FAILED:$$failed" >&2; exit 1; }

tools: ## installs the Debian packages that samples and tests use, if it may
	@.ci/packages

BASE ?=
IMAGE ?= wasmgate:dev
image: ## builds the container image with docker or buildah; BASE=… IMAGE=… BUILD_FLAGS=…
	@.ci/image "$(IMAGE)" $(if $(BASE),--build-arg BASE=$(BASE)) $(BUILD_FLAGS)

clean: clean-apps clean-functions ## removes what was built; npm's packages and what was deployed to ./data stay
	rm -rf coverage dist benches/build benches/guests/build

# No package needs its install script. Debian's npm 9 then links no programs either: that is what rebuild is for.
$(MODULES): package-lock.json
	@echo "Installing npm packages (Node 26 among them; a minute, once)"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@npm rebuild --ignore-scripts --loglevel=error >/dev/null
	@touch $@

.PHONY: help run test check static format fuzz bench tools image clean apps functions
