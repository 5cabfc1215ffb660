# The habits of this repository. `just` alone lists them.

_default:
    @just --list

# Build the host and its strategies.
build:
    cargo build --release

# Everything that runs in the ordinary way.
test:
    cargo test --workspace
    cargo test --manifest-path plugins/Cargo.toml

# The tests that take longer.
test-long:
    cargo test --workspace -- --ignored

# Format, clippy, docs: as CI does.
lint:
    cargo fmt --all --check
    cargo fmt --all --check --manifest-path plugins/Cargo.toml
    cargo fmt --all --check --manifest-path tests/components/Cargo.toml
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --manifest-path plugins/Cargo.toml --target wasm32-wasip2 -- -D warnings
    cargo clippy --manifest-path tests/components/Cargo.toml --target wasm32-wasip2 -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Components that misbehave, for trying things by hand.
fixtures:
    cargo build --release --target wasm32-wasip2 --manifest-path tests/components/Cargo.toml

# Open the documentation.
docs:
    cargo doc --workspace --no-deps --open

# What CI does.
ci:
    .ci/run
