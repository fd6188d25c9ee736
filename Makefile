# Two commands for users: `make demo` and `make test`. `make help` lists the rest.
.PHONY: help build build-native build-native-aarch64 demo up test test-native test-envoys test-func-e dist dist-test dist-reproducible manifests dashboard mesh providers interop chaos cli conformance bench bench-core soak fuzz oracles responsive check lint licences size docs playground playground-test spelling clean
.DEFAULT_GOAL := help

MODULE := target/wasm32-wasip1/release/toolgate.wasm
# Every worker of every proxy loads it, many from a Kubernetes ConfigMap, which holds 1 MiB with all else in it.
MODULE_LIMIT := 1040000

help: ## list what can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

# The module holds no path of the machine that built it.
CARGO_HOME ?= $(HOME)/.cargo
REMAP := --remap-path-prefix=$(CARGO_HOME)=cargo --remap-path-prefix=$(CURDIR)=toolgate
# Vector instructions, which V8 has had since Envoy 1.18: long strings in bodies are passed over by them.
SIMD := -C target-feature=+simd128
# The usual threshold at this level is 225, at which the module has 1.3 MB. Two modules side by side in Envoy: at 25 a call
# costs 4 % more, at 50 2 % more. So the small functions that each call runs ask to be inlined, and the rest are inlined up
# to 40, which also takes 6 MB more of an Envoy's memory. For functions that ask, as most small ones of the standard library
# do, the usual threshold is 325. At 150 the module is 42 kB smaller, and no slower.
INLINE := -C llvm-args=-inline-threshold=40 -C llvm-args=-inlinehint-threshold=150
# Module and command line tell it. Tests are built without: a commit alone compiles none of them again.
COMMIT := $(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown)
export CARGO_TARGET_DIR := $(CURDIR)/target

build: ## build toolgate.wasm
	@rustup target list --installed | grep -qx wasm32-wasip1 || rustup target add wasm32-wasip1
	TOOLGATE_COMMIT=$(COMMIT) RUSTFLAGS="$(REMAP) $(SIMD) $(INLINE)" cargo build --release --locked --target wasm32-wasip1 --package toolgate-wasm
	@if command -v node >/dev/null; then node optimize/optimize.mjs $(MODULE); \
	else echo "node is not installed: the module works, but is an eighth larger than it could be"; fi

# The name that Envoy looks for: `name: toolgate` is libtoolgate.so. `install` makes a new file: an Envoy may run the old one.
NATIVE := target/native/libtoolgate.so
build-native: ## build libtoolgate.so, the native module
	TOOLGATE_COMMIT=$(COMMIT) RUSTFLAGS="$(REMAP)" cargo build --profile native --locked --package toolgate-native
	@install target/native/libtoolgate_native.so $(NATIVE)

# The linker asks for no hook of the module: those of the source must be exported.
ARM := aarch64-unknown-linux-gnu
build-native-aarch64: ## cross-compile libtoolgate.so for aarch64; needs gcc-aarch64-linux-gnu
	@rustup target list --installed | grep -qx $(ARM) || rustup target add $(ARM)
	TOOLGATE_COMMIT=$(COMMIT) RUSTFLAGS="$(REMAP)" CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	cargo build --profile native --locked --package toolgate-native --target $(ARM)
	@install target/$(ARM)/native/libtoolgate_native.so target/$(ARM)/native/libtoolgate.so
	@aarch64-linux-gnu-nm -D --defined-only target/$(ARM)/native/libtoolgate.so | sed 's/.* //' | sort >target/$(ARM)/exported
	@grep -oh 'envoy_dynamic_module_on_[a-z_]*' hosts/native/src/*.rs | sort -u | diff - target/$(ARM)/exported

demo: build ## walk the whole OAuth loop with a real MCP client
	@node demo/setup.mjs && node demo/walk.mjs

up: build ## the demo's stack, left running until Ctrl-C
	@node demo/setup.mjs && exec node demo/up.mjs

test: build ## run all tests, on a real Envoy too
	@node demo/setup.mjs
	tools/get-envoy-test.sh
	ENVOY_BIN="$$(tools/get-envoy.sh)" cargo test --locked --workspace
	@node bench/smoke.mjs

# The other module panics where a request asks for it.
test-native: build build-native ## the tests on a real Envoy, all of them with the native module
	cargo build --profile native --locked --package toolgate-native --features panic-hook
	@install target/native/libtoolgate_native.so target/native/libtoolgate_panic.so
	ENVOY_BIN="$$(tools/get-envoy.sh)" TOOLGATE_HOST=native cargo test --locked --workspace --test envoy

manifests: ## hold deploy/ to the schemas of Istio, Envoy Gateway and compose; needs Go
	@if command -v go >/dev/null; then tools/manifests/run.sh; \
	else echo "SKIPPED, nothing was tested: Go, which builds the checkers, is not installed"; fi

dashboard: build ## the dashboard and the alerts, in a real Prometheus; needs Prometheus
	@tools/dashboard/run.sh

mesh: dist ## run toolgate in Istio and in Envoy Gateway, for real; needs Go
	@tools/mesh/run.sh

cli: ## build the command line: target/release/toolgate
	TOOLGATE_COMMIT=$(COMMIT) RUSTFLAGS="$(REMAP)" cargo build --release --locked --package toolgate-cli

# SOURCE is the address of the sources, for the annotations of the images.
DIST := --release --locked --manifest-path tools/dist/Cargo.toml
dist: build build-native cli ## packages in dist/: modules, command line, images, SBOMs, sums
	@TOOLGATE_SOURCE="$(SOURCE)" TOOLGATE_DATE="$$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)" \
	CARGO_TARGET_DIR=target/dist cargo run --quiet $(DIST) -- $(MODULE) $(NATIVE) target/release/toolgate "$$(rustc --print host-tuple)" dist

dist-test: ## tests of the packages; a registry on loopback is pushed to and pulled from
	CARGO_TARGET_DIR=target/dist cargo test $(DIST)

dist-reproducible: ## build the packages in two clones and compare them
	tools/dist/reproducible.sh

chaos: $(if $(filter native,$(TOOLGATE_HOST)),build-native,build) ## a minute of a failing, rotating provider under load
	ENVOY_BIN="$$(tools/get-envoy.sh)" TOOLGATE_CHAOS_SECONDS=60 cargo test --locked --workspace --test envoy chaos -- --nocapture

test-envoys: build ## the tests on each Envoy from 1.36 on, into docs/envoys.md
	node demo/setup.mjs
	node tools/envoys.mjs

test-func-e: build ## the table of scenarios on an Envoy that func-e runs; needs Go
	node demo/setup.mjs
	tools/func-e/test.sh

# Hydra holds SQLite, which is C.
providers: build ## JWTs that a real provider revokes, Ory Hydra; needs Go
	@if command -v go >/dev/null; then \
	(cd tests/hydra && go build -tags sqlite -trimpath -ldflags "-s -w" -o ../../.cache/hydra/hydra .) && \
	ENVOY_BIN="$$(tools/get-envoy.sh)" cargo test --locked --workspace --test envoy hydra -- --ignored --nocapture --test-threads 1; \
	else echo "SKIPPED, nothing was tested: Go, which builds Ory Hydra, is not installed"; fi

interop: ## real providers, clients and servers; needs Java 17 or newer
	@node tests/interop/run.mjs $(PART)

conformance: $(if $(filter native,$(TOOLGATE_HOST)),build-native,build) ## the official MCP suite, directly and through toolgate
	@node demo/setup.mjs && node tests/conformance/run.mjs && node tests/conformance/dpop.mjs

check: size lint licences ## formatting, lints, documentation, licences

lint:
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --target wasm32-wasip1 --package toolgate-wasm -- -D warnings
	cargo fmt --check --manifest-path bench/Cargo.toml
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --all-targets --manifest-path bench/Cargo.toml -- -D warnings
	cargo fmt --check --manifest-path tools/dist/Cargo.toml
	CARGO_TARGET_DIR=target/dist cargo clippy --locked --all-targets --manifest-path tools/dist/Cargo.toml -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

licences:
	@if command -v cargo-deny >/dev/null; then \
	cargo fetch --quiet --locked && cargo deny --offline check bans licenses sources && \
	cargo fetch --quiet --locked --manifest-path bench/Cargo.toml && \
	cargo deny --offline --manifest-path bench/Cargo.toml --config deny.toml check bans licenses sources && \
	cargo fetch --quiet --locked --manifest-path tools/dist/Cargo.toml && \
	cargo deny --offline --manifest-path tools/dist/Cargo.toml --config deny.toml check bans licenses sources; \
	else echo "cargo-deny is not installed: licences and sources not checked"; fi

size: build
	@bytes=$$(wc -c <$(MODULE)); echo "toolgate.wasm: $$bytes bytes (limit $(MODULE_LIMIT))"; [ $$bytes -le $(MODULE_LIMIT) ]

bench: build build-native ## what a request costs, beside Envoy alone and its own filters
	@node bench/run.mjs

bench-core: ## the steps of the core: times, and instructions of one exchange
	cargo bench --locked --manifest-path bench/Cargo.toml
	cargo build --release --locked --quiet --manifest-path bench/Cargo.toml && bench/count.sh

soak: build build-native ## load for MINUTES (30) or REQUESTS (10 million): memory over time, counters
	@node bench/soak.mjs

fuzz: ## run each fuzz target for TIME seconds (60)
	@fuzz/run.sh

oracles: ## parsers and SDKs of real servers against the gate's reading; needs Go
	cd tests/oracles/go && go build -o oracle .
	node demo/setup.mjs
	for major in 1 2; do \
	python3 -m venv .cache/oracles/$$major && \
	.cache/oracles/$$major/bin/pip install --quiet --disable-pip-version-check -r tests/oracles/sdk-$$major.txt || exit 1; \
	done
	cargo test --locked --workspace --test core oracles -- --ignored --nocapture

responsive: build ## how long one busy worker keeps another connection waiting
	ENVOY_BIN="$$(tools/get-envoy.sh)" cargo test --locked --workspace --test envoy responsive -- --ignored --nocapture

PAGE := target/wasm32-wasip1/page/toolgate_playground.wasm
playground: ## the playground: target/playground/index.html; needs Node.js
	@rustup target list --installed | grep -qx wasm32-wasip1 || rustup target add wasm32-wasip1
	TOOLGATE_COMMIT=$(COMMIT) RUSTFLAGS="$(REMAP) $(SIMD) $(INLINE)" cargo build --profile page --locked --target wasm32-wasip1 --package toolgate-playground
	@node optimize/optimize.mjs --page $(PAGE) && node tools/playground/build.mjs $(PAGE)

playground-test: playground cli ## the playground in Chromium, beside the command line; needs Chromium
	@node tests/playground/setup.mjs && node tests/playground/run.mjs

docs: playground ## the documentation as a book, with search: target/book/docs/index.html
	@tools/docs/book.sh

spelling: ## the spelling of pages, comments and messages
	@tools/docs/spelling.sh

clean: ## remove everything that was built or downloaded
	rm -rf target .cache dist demo/node_modules optimize/node_modules tests/interop/node_modules \
	tests/interop/inspector/node_modules tests/playground/node_modules
