// Replaces a text in another, by their bytes: linear whatever both hold (Knuth, Morris, Pratt), where the search of the engine is not. Pure.

/** A text in which some bytes equal nothing: -1 stands for them. */
export type VeiledText = Int16Array | Uint8Array;

/** How often a text stands in another, counted without overlaps. */
export function matchesOf(text: VeiledText, wanted: Uint8Array): number {
  let count = 0;
  for (const _ of placesOf(text, wanted)) count++;
  return count;
}

/** @param count as `matchesOf` says, of `veiled` */
export function replacedText(
  text: Uint8Array,
  wanted: Uint8Array,
  by: Uint8Array,
  count: number,
  veiled: VeiledText = text,
): Uint8Array {
  const out = Buffer.allocUnsafe(text.length + count * (by.length - wanted.length));
  let [from, to] = [0, 0];
  for (const at of placesOf(veiled, wanted)) {
    out.set(text.subarray(from, at), to);
    to += at - from;
    out.set(by, to);
    to += by.length;
    from = at + wanted.length;
  }
  out.set(text.subarray(from), to);
  return out;
}

export function* placesOf(text: VeiledText, wanted: Uint8Array): Generator<number> {
  const back = bordersOf(wanted);
  for (let at = 0, same = 0; at < text.length; at++) {
    while (same > 0 && text[at] !== wanted[same]) same = back[same - 1]!;
    if (text[at] === wanted[same]) same++;
    if (same < wanted.length) continue;
    yield at - same + 1;
    same = 0;
  }
}

/** For each beginning of a text: how long the longest shorter beginning is that it ends in. */
function bordersOf(wanted: Uint8Array): Uint32Array {
  const back = new Uint32Array(wanted.length);
  for (let at = 1, same = 0; at < wanted.length; at++) {
    while (same > 0 && wanted[at] !== wanted[same]) same = back[same - 1]!;
    if (wanted[at] === wanted[same]) same++;
    back[at] = same;
  }
  return back;
}
