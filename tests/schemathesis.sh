#!/usr/bin/env bash
# Sends the running API what its own description allows, and what it does not: no 5xx, no answer
# that is not documented. Needs `schemathesis` on the PATH; ./dev test sees to that.
set -euo pipefail
cd "$(dirname "$0")/.."

hereby=${CARGO_TARGET_DIR:-target}/debug/hereby
dir=$(mktemp -d "${CARGO_TARGET_DIR:-target}/schemathesis.XXXXXX")
dir=$(cd "$dir" && pwd)
data=$dir/data
mkdir -m 700 "$data"
printf '[record]\norigin = "schemathesis.example/log"\nanchor = "%s/anchor"\n' "$dir" >"$data/hereby.toml"

"$hereby" serve --data-dir "$data" --listen 127.0.0.1:0 2>"$dir/log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 200); do
    [[ -s $data/http.address ]] && break
    sleep 0.05
done
address=$(<"$data/http.address")
"$hereby" token issue --for service:robot --scope read,respond,alerts,witness,admin \
    --expires 1d --data-dir "$data" --quiet -o "$dir/token"
"$hereby" declare "a first incident" --severity 3 --data-dir "$data" --quiet

# Live events never end, so they have tests of their own. The rate stays below what one token may.
# It keeps examples in the folder it runs in, so it runs in the temporary one.
(cd "$dir" && schemathesis run "http://$address/api/v1/openapi.json" \
    --header "Authorization: Bearer $(<"$dir/token")" \
    --exclude-path /api/v1/events \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --phases examples,coverage,fuzzing \
    --max-examples "${HEREBY_SCHEMATHESIS_EXAMPLES:-15}" \
    --rate-limit 40/s \
    --workers 1 \
    --suppress-health-check filter_too_much `# times with three decimals are rare among random ones` \
    --generation-deterministic \
    --no-color) || {
    echo "hereby's own log of this run: $dir/log" >&2
    exit 1
}

"$hereby" verify --data-dir "$data"
kill "$server"
wait "$server"
rm -rf "$dir"
