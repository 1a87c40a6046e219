#!/usr/bin/env bash
# Runs incidents with a room in a real Matrix homeserver (Synapse), and kills both in the middle.
# Needs a `python` with matrix-synapse on the PATH; ./dev test sees to that.
set -euo pipefail
cd "$(dirname "$0")/.."

hereby=$(realpath "${CARGO_TARGET_DIR:-target}/debug/hereby")
dir=$(mktemp -d "${CARGO_TARGET_DIR:-target}/chat.XXXXXX")
dir=$(cd "$dir" && pwd)

python tests/chat_peer.py "$hereby" "$dir" || {
    echo "hereby's and the homeserver's own logs of this run are in $dir" >&2
    exit 1
}
rm -rf "$dir"
