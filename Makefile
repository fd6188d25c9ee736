# The two commands for users: `make demo`, `make test`. `make help` lists the rest.
.PHONY: help build demo up test check clean
WASM := target/wasm32-wasip1/release/toolgate.wasm

build: ## build toolgate.wasm
	@rustup target list --installed 2>/dev/null | grep -qx wasm32-wasip1 || rustup target add wasm32-wasip1
	cargo build --release --locked --target wasm32-wasip1
