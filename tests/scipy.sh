#!/usr/bin/env bash
# Runs incidents with known times in the real server, asks it for its numbers, and has SciPy compute
# them again. Needs a `python` with SciPy on the PATH; ./dev test sees to that.
set -euo pipefail
cd "$(dirname "$0")/.."

hereby=${CARGO_TARGET_DIR:-target}/debug/hereby
dir=$(mktemp -d "${CARGO_TARGET_DIR:-target}/scipy.XXXXXX")
dir=$(cd "$dir" && pwd)
data=$dir/data
mkdir -m 700 "$data"
printf '[record]\norigin = "scipy.example/log"\nanchor = "%s/anchor"\n' "$dir" >"$data/hereby.toml"

"$hereby" serve --data-dir "$data" --listen 127.0.0.1:0 2>"$dir/log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 200); do
    [[ -s $data/http.address ]] && break
    sleep 0.05
done

python tests/scipy_peer.py "$data/control.sock" || {
    echo "hereby's own log of this run: $dir/log" >&2
    exit 1
}

kill "$server"
wait "$server"
rm -rf "$dir"
