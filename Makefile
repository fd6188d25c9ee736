# The two commands for users: `make demo`, `make test`. `make help` lists the rest.
.PHONY: help build demo up test check clean
WASM := target/wasm32-wasip1/release/toolgate.wasm

build: ## build toolgate.wasm
	@rustup target list --installed 2>/dev/null | grep -qx wasm32-wasip1 || rustup target add wasm32-wasip1
	cargo build --release --locked --target wasm32-wasip1

demo: build ## walk the whole OAuth loop with a real MCP client
	@node demo/setup.mjs && node demo/walk.mjs

up: build ## the same stack, left running until Ctrl-C
	@node demo/setup.mjs && node demo/up.mjs
