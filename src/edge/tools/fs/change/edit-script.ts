// Which lines of two texts are the same, for a diff: Myers' greedy search with a bound. Where the texts differ too much it goes on from
// the furthest point that it has reached, and when its budget is spent the rest counts as replaced: always right, seldom the shortest. Pure.

/** Edits that are looked for at once. */
const EDITS = 256;
/** Steps in all: some 10 ms. */
const BUDGET = 1_000_000;

export interface EditScript {
  /** 1 where a line of the old text goes. */
  readonly removed: Uint8Array;
  /** 1 where a line of the new text comes. */
  readonly added: Uint8Array;
}

/** @param a lines of the old text, the same number for the same line; @param b those of the new one */
export function editScript(a: Uint32Array, b: Uint32Array): EditScript {
  const removed = new Uint8Array(a.length).fill(1);
  const added = new Uint8Array(b.length).fill(1);
  const budget = { left: BUDGET };
  for (let x = 0, y = 0; budget.left > 0 && x < a.length && y < b.length; ) {
    const trace = search(a.subarray(x), b.subarray(y), budget);
    const { end } = trace;
    for (const [from, length] of snakes(trace)) {
      removed.fill(0, x + from.x, x + from.x + length);
      added.fill(0, y + from.y, y + from.y + length);
    }
    x += end.x;
    y += end.y;
    if (end.x + end.y === 0) break;
  }
  return { removed, added };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Trace {
  /** How far each diagonal had come after each number of edits. */
  readonly steps: readonly Int32Array[];
  readonly end: Point;
}

/** How far `edits` edits lead on each diagonal, until the end of both or a bound. The furthest point is where it ends. */
function search(a: Uint32Array, b: Uint32Array, budget: { left: number }): Trace {
  const steps: Int32Array[] = [];
  let best: Point = { x: 0, y: 0 };
  for (let edits = 0; edits <= EDITS && budget.left > 0; edits++) {
    const reached = new Int32Array(2 * edits + 1).fill(-1);
    steps.push(reached);
    best = { x: 0, y: 0 };
    for (let k = -edits; k <= edits; k += 2) {
      let x = startOf(steps, edits, k);
      let y = x - k;
      if (x > a.length || y > b.length) continue;
      const from = x;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x++;
        y++;
      }
      budget.left -= x - from + 1;
      reached[k + edits] = x;
      if (x + y > best.x + best.y) best = { x, y };
      if (x === a.length && y === b.length) return { steps, end: best };
    }
  }
  return { steps, end: best };
}

/** Where a diagonal begins after one more edit: from the neighbour that is further. */
function startOf(steps: readonly Int32Array[], edits: number, k: number): number {
  if (edits === 0) return 0;
  const [down, right] = neighbours(steps[edits - 1]!, edits, k);
  return down > right ? down : right + 1;
}

/** Of diagonal `k`: how far the one above (a line comes) and the one below (a line goes) had come before. */
const neighbours = (before: Int32Array, edits: number, k: number): readonly [number, number] => [
  before[k + 1 + edits - 1] ?? -1,
  before[k - 1 + edits - 1] ?? -2,
];

/** The stretches that are the same, from the end back to the beginning. */
function* snakes({ steps, end }: Trace): Generator<readonly [Point, number]> {
  let { x, y } = end;
  for (let edits = steps.length - 1; edits >= 0; edits--) {
    const k = x - y;
    const start = startOf(steps, edits, k);
    if (x > start) yield [{ x: start, y: start - k }, x - start];
    if (edits === 0) return;
    const [down, right] = neighbours(steps[edits - 1]!, edits, k);
    x = down > right ? start : start - 1;
    y = down > right ? start - k - 1 : start - k;
  }
}
