#!/usr/bin/env bash
# Makes the virtual environment that every make target uses: tools/venv.sh PYTHON FOLDER
set -euo pipefail
python=$1 venv=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "kubernaut needs Python 3.11 or newer; '$python' is $("$python" --version 2>&1 || echo missing). Try: make PYTHON=python3.12 ..." >&2
  exit 2
fi

# Debian's python3 comes without ensurepip, which venv needs.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
  package=$("$python" -c 'import sys; print(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")')
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $package (this Python cannot make virtual environments without it)" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
  else
    echo "this Python cannot make virtual environments; install it with: sudo apt-get install $package" >&2
    exit 2
  fi
fi

[ -x "$venv/bin/python" ] || { echo "making $venv ..." >&2; "$python" -m venv "$venv"; }
echo "installing kubernaut and its tools into $venv (about a minute the first time) ..." >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev]'
