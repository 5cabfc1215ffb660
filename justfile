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
    cargo test --manifest-path bench/workers/laws/Cargo.toml

# The documentation as a book, into target/book (cargo install mdbook).
book:
    mdbook build docs

# The examples in C, JavaScript and Python, with the tools of those languages.
languages: build
    .ci/languages target/release/host

# Redis's own tests, those of redis-py, and five client libraries, against `host serve`.
clients: build
    .ci/redis-suite target/release/host
    .ci/redis-py target/release/host
    .ci/clients target/release/host

# The SDKs as packages, each built from its package alone.
package:
    .ci/package

# The tests that take longer.
test-long:
    cargo test --workspace -- --ignored

# The cache's races, in thousands of schedules. SHUTTLE_RANDOM_SEED=N for others than CI's.
shuttle:
    RUSTFLAGS="--cfg shuttle" cargo test -p host-cache --test shuttle --target-dir target/shuttle

# The cache's unsafe code under Miri (rustup toolchain install nightly --component miri,rust-src).
miri:
    MIRIFLAGS="-Zmiri-many-seeds=0..8" cargo +nightly miri test -p host-cache --lib striped_lock
    MIRIFLAGS="-Zmiri-many-seeds=0..4" cargo +nightly miri test -p host-cache --lib packed

# Every reader of something from outside, for a minute each on damaged input (cargo install cargo-fuzz; nightly).
fuzz seconds="60" *targets:
    fuzz/run {{seconds}} {{targets}}

# Everything the cache can do, at once, for ten minutes.
soak seconds="600":
    HOST_SOAK_SECONDS={{seconds}} cargo test --release -p host-cache --test soak -- --ignored --nocapture

# The cache beside quick_cache, moka, foyer and schnellru, interleaved, as ratios.
bench-cache:
    cargo bench -p host-cache --bench peers

# The disk tier beside fjall and foyer, the warm tier beside moka.
bench-tiers:
    cargo bench -p host-tier --bench tiers

# What shadows cost the cache they watch.
bench-shadows:
    cargo bench -p host-cache --bench shadows

# The simulator beside libCacheSim.
bench-simulators:
    bench/simulators/run

# What prefetching removes of the misses and what it costs on every trace; writes docs/prefetch.md.
prefetch:
    bench/prefetch/run

# What choosing a policy costs and gains on every trace; writes docs/choosing.md.
choosing:
    bench/choosing/run

# How well pools are sized in every scenario, beside the best fixed number and four laws; writes docs/workers.md.
workers:
    bench/workers/run

# What a lookup waits while a million entries change hands between policies.
bench-switch:
    cargo bench -p host-cache --bench switch

# Format, clippy, docs: as CI does.
lint:
    cargo fmt --all --check
    cargo fmt --all --check --manifest-path plugins/Cargo.toml
    cargo fmt --all --check --manifest-path tests/components/Cargo.toml
    cargo fmt --all --check --manifest-path bench/workers/laws/Cargo.toml
    cargo fmt --all --check --manifest-path fuzz/Cargo.toml
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --manifest-path plugins/Cargo.toml --target wasm32-wasip2 --lib --examples -- -D warnings
    cargo clippy --manifest-path tests/components/Cargo.toml --target wasm32-wasip2 -- -D warnings
    cargo clippy --manifest-path bench/workers/laws/Cargo.toml --target wasm32-wasip2 --lib -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Components that misbehave, for trying things by hand.
fixtures:
    cargo build --release --target wasm32-wasip2 --manifest-path tests/components/Cargo.toml

# Licenses, sources and advisories of what we depend on; installs cargo-deny where it is missing.
deny:
    .ci/deny

# Open the documentation.
docs:
    cargo doc --workspace --no-deps --open

# What CI does.
ci:
    .ci/run
