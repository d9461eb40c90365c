// A unified diff of two texts for the owner's eyes, in bounded pieces of work: no turn of the event loop above 50 ms for texts up to
// 4 MiB, whatever is in them. Its hunks only; who shows it names the files. Own code because jsdiff has no bound within a step, gives
// nothing at all beyond its bound, and holds each line of both texts as an object. Reads no file.
import { isUtf8 } from 'node:buffer';
import { setImmediate as breath } from 'node:timers/promises';
import { editScript } from './edit-script.ts';

/** Bytes of a diff. */
export const DIFF_BYTES = 64 << 10;
/** Of each text as much as is compared line by line; more counts as replaced. */
const MOST_LINES = 16_384;
/** Lines that are compared with those before at once. */
const PIECE_LINES = 2_048;
/** Lines around a change. */
const CONTEXT = 3;
/** Bytes of one line that are shown. */
const LINE_BYTES = 4096;
const LF = 10;

export interface TextDiff {
  readonly diff: string;
  /** Lines that are not shown, or not to their end. */
  readonly linesCut: number;
}

/** Whether bytes are a text that can be compared: UTF-8 without NUL. */
export const isDiffable = (bytes: Uint8Array): boolean => isUtf8(bytes) && !bytes.includes(0);

/** @param skipped lines before both texts, which are the same; `most` bytes of the diff, 0: the lines are only counted */
export async function textDiff(
  before: Uint8Array,
  after: Uint8Array,
  skipped = 0,
  most = DIFF_BYTES,
): Promise<TextDiff> {
  const [old, now] = [bufferOf(before), bufferOf(after)];
  if (old.equals(now)) return { diff: '', linesCut: 0 };
  const head = sameHead(old, now);
  const tail = sameTail(old, now, head);
  const between = (text: Buffer) => countLines(text.subarray(head, text.length - tail));
  if (most === 0) return { diff: '', linesCut: between(old) + between(now) };
  await breath();
  const start = backLines(old, head, CONTEXT);
  const [a, b] = [forthLines(old, old.length - tail, CONTEXT), forthLines(now, now.length - tail, CONTEXT)];
  const first = skipped + countLines(old.subarray(0, start));
  const window = { old: old.subarray(start, a), now: now.subarray(start, b) };
  await breath();
  const out = new Room(Math.min(most, DIFF_BYTES));
  const lines = countLines(window.old) + countLines(window.now);
  if (lines > 2 * MOST_LINES) replaced(out, window, first, countLines(old.subarray(start, head)));
  else await compared(out, window, first);
  return { diff: out.text, linesCut: out.cut };
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Bytes at the beginning that are the same, up to the end of a line. */
function sameHead(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length);
  let at = 0;
  while (at < most && a[at] === b[at]) at++;
  return lineStart(a, at);
}

/** Where the line begins that `at` is in. A buffer takes -1 for its end. */
export const lineStart = (bytes: Buffer, at: number): number => (at === 0 ? 0 : bytes.lastIndexOf(LF, at - 1) + 1);

/** Bytes at the end that are the same, from the beginning of a line, beyond what is the same at the beginning. */
function sameTail(a: Buffer, b: Buffer, head: number): number {
  const most = Math.min(a.length, b.length) - head;
  let n = 0;
  while (n < most && a[a.length - 1 - n] === b[b.length - 1 - n]) n++;
  const from = a.length - n;
  const begins = (buffer: Buffer, at: number) => at === head || buffer[at - 1] === LF;
  if (begins(a, from) && begins(b, b.length - n)) return n;
  const lf = a.indexOf(LF, from);
  return lf < 0 ? 0 : a.length - lf - 1;
}

export function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === LF) lines++;
  return bytes.length > 0 && bytes[bytes.length - 1] !== LF ? lines + 1 : lines;
}

/** Where `lines` lines before `at`, which begins a line, begin. */
function backLines(bytes: Buffer, at: number, lines: number): number {
  let from = at;
  for (let n = 0; n < lines && from > 0; n++) from = lineStart(bytes, from - 1);
  return from;
}

/** Where `lines` lines from `at` on end. */
function forthLines(bytes: Buffer, at: number, lines: number): number {
  let to = at;
  for (let n = 0; n < lines && to < bytes.length; n++) {
    const lf = bytes.indexOf(LF, to);
    to = lf < 0 ? bytes.length : lf + 1;
  }
  return to;
}

/** The bytes of each line, with the sign that ends it. */
function linesOf(bytes: Buffer, most = Number.POSITIVE_INFINITY): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length && lines.length < most; ) {
    const end = forthLines(bytes, at, 1);
    lines.push(bytes.subarray(at, end));
    at = end;
  }
  return lines;
}

interface Texts {
  readonly old: Buffer;
  readonly now: Buffer;
}

/** Too many lines to compare: the old ones go, the new ones come. */
function replaced(out: Room, { old, now }: Texts, first: number, same: number): void {
  const [oldLines, newLines] = [countLines(old), countLines(now)];
  out.head(first, oldLines, first, newLines);
  const rows = linesOf(old, DIFF_BYTES);
  out.put(' ', rows.slice(0, same), same);
  out.put('-', rows.slice(same), oldLines - same, out.left >> 1);
  out.put('+', linesOf(now, DIFF_BYTES).slice(same), newLines - same);
}

async function compared(out: Room, { old, now }: Texts, first: number): Promise<void> {
  const numbers = new Map<string, number>();
  const numbersOf = async (lines: readonly Buffer[]) => {
    const all = new Uint32Array(lines.length);
    for (const [at, line] of lines.entries()) {
      if (at % PIECE_LINES === 0) await breath();
      const text = line.toString('latin1');
      const known = numbers.get(text) ?? numbers.size;
      numbers.set(text, known);
      all[at] = known;
    }
    return all;
  };
  const a = linesOf(old);
  const aNumbers = await numbersOf(a);
  await breath();
  const b = linesOf(now);
  const bNumbers = await numbersOf(b);
  await breath();
  const { removed, added } = editScript(aNumbers, bNumbers);
  await breath();
  for (const hunk of hunksOf(removed, added)) {
    const { x, y, endX, endY } = hunk;
    out.head(first + x, endX - x, first + y, endY - y);
    for (const { sign, from, to } of rowsOf(hunk, removed, added)) {
      const lines = (sign === '+' ? b : a).slice(from, to);
      out.put(sign, lines, lines.length, sign === '-' ? out.left >> 1 : out.left);
    }
  }
}

interface Hunk {
  readonly x: number;
  readonly y: number;
  readonly endX: number;
  readonly endY: number;
}

/** Changes with the lines around them; those whose lines touch are one. */
function hunksOf(removed: Uint8Array, added: Uint8Array): Hunk[] {
  const hunks: Hunk[] = [];
  for (let x = 0, y = 0; x < removed.length || y < added.length; ) {
    if (x < removed.length && y < added.length && !removed[x] && !added[y]) {
      x++;
      y++;
      continue;
    }
    const before = Math.min(CONTEXT, x, y);
    const from = { x: x - before, y: y - before };
    while (removed[x]) x++;
    while (added[y]) y++;
    let after = 0;
    while (after < CONTEXT && x + after < removed.length && !removed[x + after] && !added[y + after]) after++;
    const last = hunks.at(-1);
    const joined = last && last.endX >= from.x;
    if (joined) hunks.pop();
    const start = joined ? last : from;
    hunks.push({ x: start.x, y: start.y, endX: x + after, endY: y + after });
  }
  return hunks;
}

interface Rows {
  readonly sign: ' ' | '-' | '+';
  readonly from: number;
  readonly to: number;
}

function* rowsOf(hunk: Hunk, removed: Uint8Array, added: Uint8Array): Generator<Rows> {
  let { x, y } = hunk;
  while (x < hunk.endX || y < hunk.endY) {
    const [fromX, fromY] = [x, y];
    while (x < hunk.endX && removed[x]) x++;
    if (x > fromX) yield { sign: '-', from: fromX, to: x };
    while (y < hunk.endY && added[y]) y++;
    if (y > fromY) yield { sign: '+', from: fromY, to: y };
    const same = x;
    while (x < hunk.endX && !removed[x] && !added[y]) {
      x++;
      y++;
    }
    if (x > same) yield { sign: ' ', from: same, to: x };
  }
}

/** What fits, and how much did not. */
class Room {
  readonly #parts: string[] = [];
  left: number;
  cut = 0;

  constructor(bytes: number) {
    this.left = bytes;
  }

  get text(): string {
    return this.#parts.join('');
  }

  head(oldFrom: number, oldLines: number, newFrom: number, newLines: number): void {
    const range = (from: number, lines: number) => `${lines === 0 ? from : from + 1},${lines}`;
    this.#add(`@@ -${range(oldFrom, oldLines)} +${range(newFrom, newLines)} @@\n`);
  }

  /** @param total how many lines there are; `lines` need not be all; @param room bytes that these may take */
  put(sign: Rows['sign'], lines: readonly Buffer[], total: number, room = this.left): void {
    const least = this.left - Math.min(room, this.left);
    let shown = 0;
    for (const line of lines) {
      const whole = line.length <= LINE_BYTES;
      const text = whole ? line.toString('utf8') : `${startOf(line)}… (${line.length} bytes)\n`;
      const ended = text.endsWith('\n') ? text : `${text}\n\\ No newline at end of file\n`;
      if (this.left - Buffer.byteLength(ended) - 1 < least) break;
      this.#add(sign + ended);
      if (!whole) this.cut++;
      shown++;
    }
    this.cut += total - shown;
  }

  #add(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (bytes <= this.left) this.#parts.push(text);
    this.left = bytes <= this.left ? this.left - bytes : 0;
  }
}

/** The beginning of a long line, without half a sign at its end. */
function startOf(line: Buffer): string {
  let end = LINE_BYTES;
  while (end > 0 && (line[end]! & 0xc0) === 0x80) end--;
  return line.toString('utf8', 0, end);
}
