#!/usr/bin/env bash
# Gives the meetings that hereby renders to a library nobody here wrote, the Python package
# `icalendar`, and compares what it reads with what was meant. Needs a `python` on the PATH that has
# it; ./dev test sees to that.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d "${CARGO_TARGET_DIR:-target}/icalendar.XXXXXX")
cargo run --quiet --locked -p notify --example meetings -- "$dir"
python tests/read_meetings.py "$dir"
rm -rf "$dir"
