#!/usr/bin/env bash
# Prints the path of kubectl. Where there is none, takes Debian's package through apt and puts the program into FOLDER:
#     tools/kubectl.sh [FOLDER]        (default: .venv/bin)
# Changes nothing else on the machine, and needs no root: apt works on lists of its own, from the mirror that this
# machine uses. Older Debian has no package of that name, so it is taken from a suite that does; it needs only libc.
set -euo pipefail

folder=${1:-.venv/bin}
if found=$(command -v kubectl); then echo "$found"; exit; fi
if [ -x "$folder/kubectl" ]; then echo "$folder/kubectl"; exit; fi

say() { echo "$*" >&2; }
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || { say "there is no kubectl, and no $tool to get it with: install kubectl yourself"; exit 1; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts"
own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | awk -v own="$own" '$1 == own { print $2; exit }')
[ -n "$mirror" ] || { say "apt has no sources for $own: install kubectl yourself"; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

for suite in trixie forky sid; do
  echo "deb [signed-by=$keyring] $mirror $suite main" > "$work/sources.list"
  options=(-qq -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts"
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Acquire::Languages=none"
    -o "APT::Sandbox::User=")
  say "looking for kubectl in Debian $suite ..."
  if apt-get "${options[@]}" update >&2 && (cd "$work" && apt-get "${options[@]}" download "kubectl/$suite" >&2); then
    dpkg-deb -x "$work"/kubectl_*.deb "$work/unpacked"
    mkdir -p "$folder"
    cp "$work/unpacked/usr/bin/kubectl" "$folder/kubectl"
    "$folder/kubectl" version --client >&2
    echo "$folder/kubectl"
    exit
  fi
done
say "no suite of Debian gave a kubectl that can be used here: install kubectl yourself"
exit 1
