#!/usr/bin/env bash
# Ten thousand subscribers, told through a real mail server that dies in the middle, by a hereby that
# is killed in the middle: what became of each adds up, and nobody gets it twice. Before that, mail over
# TLS with a password, and what must not go out without.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-target}
python3 tests/mail_tls_story.py "$target/debug/hereby"
exec python3 tests/subscribers_story.py "$target/debug/hereby"
