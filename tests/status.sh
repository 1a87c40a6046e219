#!/usr/bin/env bash
# The status page against what others wrote: published to an S3-compatible server (moto) and by
# rsync beside a directory, and read back by an unmodified Statuspage v2 client from npm
# (statuspage.io), by feedparser, and by xmllint against the grammar of Atom. Needs a `python` on the
# PATH that has moto and feedparser, and the client in $STATUSPAGE_CLIENT (a directory with
# node_modules); ./dev test sees to both.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in rsync xmllint node; do
    command -v "$program" >/dev/null || {
        echo "$program is missing: apt-get install rsync libxml2-utils nodejs" >&2
        exit 1
    }
done
target=${CARGO_TARGET_DIR:-target}
hereby=$target/debug/hereby
[[ -x $hereby ]] || cargo build --quiet --locked -p hereby
mkdir -p "$target/tmp"
dir=$(mktemp -d "$(cd "$target/tmp" && pwd)/status.XXXXXX")
hereby=$(cd "$(dirname "$hereby")" && pwd)/hereby
python tests/status_story.py "$hereby" "$dir" "$STATUSPAGE_CLIENT"
rm -rf "$dir"
