// A stand-in for an embedding model: hashed letter trigrams, the same on every machine. Near means alike in letters.

/** A vector of length 1. */
export function letterVector(text: string, dimension: number): number[] {
  const vector = new Array<number>(dimension).fill(0);
  const letters = ` ${text.toLowerCase()} `;
  for (let at = 0; at + 3 <= letters.length; at++) {
    const hash = fnv(letters.slice(at, at + 3));
    vector[hash % dimension]! += (hash >>> 16) % 2 === 0 ? 1 : -1;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => Math.fround(value / length));
}

/** FNV-1a. */
function fnv(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}
