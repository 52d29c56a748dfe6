#!/usr/bin/env bash
# Builds the policy server OPA into FOLDER, for the tests that want a real one. Needs a Go toolchain.
set -euo pipefail
folder=$1
version=v1.22.2

command -v opa >/dev/null && exit 0
[ -x "$folder/opa" ] && exit 0
command -v go >/dev/null || { echo "there is no Go toolchain here to build OPA with"; exit 1; }
cd "$folder"
GOBIN=$PWD GOFLAGS=-mod=mod go install -ldflags "-s -w" "github.com/open-policy-agent/opa@$version" >/dev/null
