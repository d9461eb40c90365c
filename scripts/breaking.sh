#!/bin/sh
# Compares proto/ with the last release (the nearest tag v*), else with main; on main itself, with the last commit.
# Fails if a client built from that would no longer be understood. Works in a worktree and changes nothing.
# Before the first release a new baseline may begin: scripts/breaking-baseline names the decision record that says why, and the
# change that names another one brings that record with it. From the next change on the check holds again. Where a record
# takes several changes, each brings a part of it: the file names `RECORD#N`, and the heading `## Part N` comes with the change.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd -- "$root"

if ! git rev-parse --verify --quiet HEAD >/dev/null 2>&1; then
  echo 'breaking changes: no git history here, nothing to compare with' >&2
  exit 0
fi
released=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true)
ref=$released
if [ -z "$ref" ]; then
  ref=HEAD
  if [ "$(git rev-parse --abbrev-ref HEAD)" != main ]; then
    for main in main origin/main; do
      if git rev-parse --verify --quiet "$main^{commit}" >/dev/null; then
        ref=$main
        break
      fi
    done
  fi
fi
if ! git cat-file -e "$ref:buf.yaml" 2>/dev/null || [ -z "$(git ls-tree -r --name-only "$ref" -- proto)" ]; then
  echo "breaking changes: $ref has no protos yet, nothing to compare with" >&2
  exit 0
fi

baseline=$(cat scripts/breaking-baseline 2>/dev/null || true)
if [ -z "$released" ] && [ -n "$baseline" ] && [ "$(git show "$ref:scripts/breaking-baseline" 2>/dev/null || true)" != "$baseline" ]; then
  record=${baseline%%#*}
  part=${baseline#"$record"}
  heading="^## Part ${part#?}\$"
  new=false
  if [ -z "$part" ]; then
    if [ -f "$record" ] && ! git cat-file -e "$ref:$record" 2>/dev/null; then new=true; fi
  elif grep -q "$heading" "$record" 2>/dev/null && ! git show "$ref:$record" 2>/dev/null | grep -q "$heading"; then
    new=true
  fi
  if "$new"; then
    echo "breaking changes: a new baseline begins here, see $baseline" >&2
    exit 0
  fi
  echo "breaking changes: $baseline begins no new baseline: it must be a decision record, or a part of one, that $ref does not have" >&2
  exit 1
fi

before=$(mktemp -d)
trap 'rm -rf -- "$before"' EXIT
trap 'exit 1' HUP INT TERM
git archive "$ref" -- buf.yaml proto third_party/proto | tar -x -C "$before"
echo "breaking changes: comparing with $ref" >&2
buf breaking --against "$before"
