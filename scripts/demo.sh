#!/bin/sh
# The demonstration: everything on this machine in a temporary home, one question asked twice, without and with its files
# shared. DIR (default: docs/) and ASK come from the environment, letter by letter. Leaves nothing behind; exits 0 only if
# both questions were answered.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
ask=${ASK:-What is a grant?}
unset BOWLINE_HOME BOWLINE_CONTROL BOWLINE_OWNER_KEY_FILE

# Seconds until everything must be ready, until one answer, and until everything must have stopped.
ready_s=180
answer=90s
stop_s=30
# Most files to share; the contract takes 64.
max_files=40

fail() {
  printf 'demo: %s\n' "$1" >&2
  exit "${2:-6}"
}

dir=${DIR:-$root/docs}
if [ -d "$dir" ]; then
  dir=$(CDPATH='' cd -- "$dir" && pwd -P)
elif [ -f "$dir" ]; then
  dir=$(CDPATH='' cd -- "$(dirname -- "$dir")" && pwd -P)/$(basename -- "$dir")
else
  fail "there is no file or folder $dir" 2
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/bowline-demo.XXXXXX")
home=$work/home
up=

stop_up() {
  [ -n "$up" ] || return 0
  kill -TERM "$up" 2>/dev/null || true
  waited=0
  while kill -0 "$up" 2>/dev/null; do
    if [ "$waited" -ge "$((stop_s * 5))" ]; then
      kill -KILL "$up" 2>/dev/null || true
      break
    fi
    sleep 0.2
    waited=$((waited + 1))
  done
  wait "$up" 2>/dev/null || true
  up=
}

clean_up() {
  stop_up
  rm -rf -- "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The text files of DIR, shown ones only, one absolute path a line.
text_files() {
  if [ -f "$dir" ]; then
    printf '%s\n' "$dir"
    return
  fi
  (
    cd -- "$dir"
    find . -name '.?*' -prune -o -type f -size -512k \( -name '*.md' -o -name '*.txt' -o -name '*.rst' -o -name '*.org' \
      -o -name '*.adoc' -o -name '*.csv' -o -name '*.log' -o -name '*.json' -o -name '*.yaml' -o -name '*.yml' \
      -o -name '*.toml' -o -name '*.tex' -o -name '*.html' \) -print
  ) | sort | while IFS= read -r file; do printf '%s/%s\n' "$dir" "${file#./}"; done
}

text_files >"$work/files"
total=$(wc -l <"$work/files" | tr -d ' ')
[ "$total" -gt 0 ] || fail "there is no text file (*.md, *.txt, ...) in $dir" 2

bowline() {
  "$root/bowline" "$@" --home "$home"
}

"$root/bowline" --version >/dev/null

printf '== starting\n'
# Not through the function: $! must be the program itself (the launcher becomes it), or nothing would stop it.
"$root/bowline" up --home "$home" --allow "$dir" --port 0 >"$work/out" 2>"$work/err" &
up=$!
waited=0
until grep -q '^ready ' "$work/out"; do
  if ! kill -0 "$up" 2>/dev/null; then
    cat -- "$work/err" >&2
    wait "$up" && code=0 || code=$?
    up=
    fail "bowline up ended with exit code $code: its message is above"
  fi
  if [ "$waited" -ge "$((ready_s * 5))" ]; then
    cat -- "$work/err" >&2
    fail "bowline up was not ready within $ready_s s"
  fi
  sleep 0.2
  waited=$((waited + 1))
done
grep '^ready ' "$work/out"
printf 'folder   %s\nquestion %s\n' "$dir" "$ask"

# Asks with the given shares; the question is never parsed by a shell.
ask_once() {
  "$root/bowline" ask --home "$home" --timeout "$answer" "$@" -- "$ask" 2>&1
}

result=0
printf '\n== not shared\n'
ask_once || result=$?

printf '\n== shared\n'
set --
while IFS= read -r file; do
  [ "$(($# / 2))" -lt "$max_files" ] || break
  set -- "$@" --share "$file"
done <"$work/files"
[ "$total" -le "$max_files" ] || printf 'sharing the first %s of %s files\n' "$max_files" "$total"
ask_once "$@" || result=$?

printf '\n== what left the box\n'
bowline egress ls || result=$?

stop_up
[ "$result" -eq 0 ] || fail "not everything was answered (exit code $result)" "$result"

command=$root/bowline
[ "$(pwd -P)" != "$root" ] || command=./bowline
printf '\nTo go on with a folder of your own, type this, and ask in another terminal (%s ask --help):\n' "$command"
printf '  %s up --allow ~/notes\n' "$command"
