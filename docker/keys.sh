#!/bin/sh
# Runs once, when the first replica is ready: a key for each worker pool, each in the volume that only its pool mounts. A key that
# is there stays.
set -eu
umask 077

for pool in llm embed retrieval web sandbox; do
  file=/v/keys-$pool/worker.key
  if [ -s "$file" ]; then continue; fi
  /opt/bowline/bowline workers create-key "$pool" --package "$pool" --pool "$pool" >"$file.part"
  mv "$file.part" "$file"
  echo "keys: made one for $pool"
done
