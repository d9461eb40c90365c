#!/bin/sh
# Runs once, when the first replica is ready: a key for each worker pool, each in the volume that only its pool mounts. A key that
# is there stays.
set -eu
umask 077

# key POOL PACKAGE...: a key for these capabilities.
key() {
  pool=$1
  shift
  file=/v/keys-$pool/worker.key
  if [ -s "$file" ]; then return; fi
  words=
  for package in "$@"; do words="$words --package $package"; done
  # shellcheck disable=SC2086 # one word each
  /opt/bowline/bowline workers create-key "$pool" $words --pool "$pool" >"$file.part"
  mv "$file.part" "$file"
  echo "keys: made one for $pool"
}

for pool in llm embed retrieval web sandbox; do key "$pool" "$pool"; done
key local llm embed
