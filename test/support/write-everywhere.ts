// A program for the inside of any isolation: it writes as much as it can to each place that a mount or a folder gives it, keeps all of it,
// and tries what leads to more memory. It tells the sum and what it got.

/** Bytes that it tries to write to each place, and places that are looked at. */
export const EACH = 2 << 20;
const PLACES = 400;

/** A script for `/bin/sh`. Mounts as the kernel tells them where there is /proc, and folders as they are found; /usr is too many. */
export const WRITE_EVERYWHERE = `
sum=0
add() { head -c ${EACH} /dev/zero 2>/dev/null >"$1"; n=$(stat -c %s "$1" 2>/dev/null) && sum=$((sum + n)); }
{ while read -r _ _ _ _ at _; do echo "$at"; done </proc/self/mountinfo
  find / '(' -path /proc -o -path /sys -o -path /usr ')' -prune -o -type d -print; } 2>/dev/null | sort -u | head -n ${PLACES} >/tmp/places
while read -r at; do
  if [ -d "$at" ]; then { add "$at/filled"; } 2>/dev/null; fi
done </tmp/places
{ add /dev/shm/filled-too; } 2>/dev/null
echo "sum $sum"
echo "places $(wc -l </tmp/places)"
for kind in U Um Un m i; do unshare -$kind true 2>/dev/null && echo "namespace $kind"; done
(: >/dev/filled-by-name) 2>/dev/null && echo "wrote /dev"
(echo x >/dev/null) || echo "no /dev/null"
head -c 1 /dev/urandom >/dev/null || echo "no /dev/urandom"
echo end
`;

/** What it told. @param said words beside: what it got, and `end` */
export function whatItWrote(out: string): { readonly sum: number; readonly places: number; readonly said: string[] } {
  const [sum = '', places = '', ...said] = out.trim().split('\n');
  return { sum: Number(sum.split(' ')[1]), places: Number(places.split(' ')[1]), said };
}
