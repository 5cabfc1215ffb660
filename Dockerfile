# A server in a container: `docker build -t host .`, then
#
#   docker run --rm -p 6380:6380 -p 8080:8080 -e HOST_SERVE_PASSWORD=... host
#
# It listens to the world in there, which it does with a password alone.

FROM rust:1.95-slim-trixie AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
RUN rustup target add wasm32-wasip2
WORKDIR /host
COPY . .
RUN cargo build --release --locked && strip target/release/host
# Compiled once, and not at every start.
RUN XDG_CACHE_HOME=/cache target/release/host plugin precompile

FROM debian:trixie-slim
RUN useradd --system --create-home --home-dir /var/lib/host host
COPY --from=build /host/target/release/host /usr/local/bin/host
COPY --from=build --chown=host:host /cache /var/cache/host
ENV XDG_CACHE_HOME=/var/cache/host XDG_DATA_HOME=/var/lib/host XDG_CONFIG_HOME=/etc
USER host
EXPOSE 6380 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s CMD ["host", "status", "--json", "--http", "127.0.0.1:8080"]
ENTRYPOINT ["host"]
CMD ["serve", "--profile", "medium", "--resp", "0.0.0.0:6380", "--http", "0.0.0.0:8080", "--log", "info"]
