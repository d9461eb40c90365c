#!/bin/sh
# Runs once, when the first replica is ready: a key for each worker pool, each in the volume that only its pool mounts. A key that
# is there stays; one from before pins gets the pin of this control plane, without which its worker would show it to nobody.
set -eu
umask 077

# with_pin FILE: KEY becomes KEY.PIN.
with_pin() {
  read -r whole <"$1" || [ -n "$whole" ]
  case $whole in *.*) return ;; esac
  read -r pin </var/lib/bowline/control.pin || [ -n "$pin" ]
  printf '%s.%s\n' "$whole" "${pin#bwp_}" >"$1.part"
  mv "$1.part" "$1"
  echo "keys: $1 has its pin now"
}

# key POOL PACKAGE...: a key for these capabilities.
key() {
  pool=$1
  shift
  file=/v/keys-$pool/worker.key
  if [ -s "$file" ]; then
    with_pin "$file"
    return
  fi
  words=
  for package in "$@"; do words="$words --package $package"; done
  # shellcheck disable=SC2086 # one word each
  /opt/bowline/bowline workers create-key "$pool" $words --pool "$pool" >"$file.part"
  mv "$file.part" "$file"
  echo "keys: made one for $pool"
}

for pool in llm embed retrieval web sandbox; do key "$pool" "$pool"; done
key local llm embed
