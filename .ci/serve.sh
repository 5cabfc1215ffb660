# Starts a host that serves on a free port: serve HOST FOLDER [ARGUMENT...] sets port and server, and ends it with the script.

serve() {
    local host=$1 folder=$2
    shift 2
    "$host" serve --profile medium --resp 127.0.0.1:0 "$@" >"$folder/host.log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null || true' EXIT
    for _ in $(seq 100); do
        port=$(sed -nE 's/^listening on 127.0.0.1:([0-9]+) .*/\1/p' "$folder/host.log")
        [ -z "$port" ] || return 0
        sleep 0.1
    done
    echo "the host did not start:" >&2
    cat "$folder/host.log" >&2
    return 1
}

# Whether the host still runs.
still_serves() {
    kill -0 "$server" && return
    echo "the host has ended:" >&2
    tail -5 "$1/host.log" >&2
    return 1
}
