#!/usr/bin/env bash
# Runs .ci/run in a clone of HEAD, in a folder with a space in its name, as a new machine would.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/kubernaut fresh.XXXXXX")
trap 'rm -rf "$work"' EXIT
git clone --quiet "$here" "$work/main"
[ -d "$here/../shared" ] && ln -s "$(cd "$here/../shared" && pwd)" "$work/shared"
cd "$work/main"
CI=true bash .ci/run </dev/null
