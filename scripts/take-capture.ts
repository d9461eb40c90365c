// Takes pictures of a terminal in which a real program runs, and writes the same for the same kind of thing: times, ids, the home.
// Needs util-linux (`script`, `stty`).
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { IBufferLine } from '@xterm/headless';
import { freePort } from '../test/support/free-port.ts';
import { TerminalProgram } from '../test/support/terminal-program.ts';
import type { Capture, SIZES } from './tour-captures.ts';
import { type Piece, piecesOf } from './tour-svg.ts';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What is shown in place of the folder, and as long. */
const SHOWN_HOME = '/home/ana';
export const LIMIT_MS = 180_000;
const PERSON_MS = 800;

export interface Place {
  readonly dir: string;
  readonly port: number;
  readonly env: Record<string, string>;
}

export interface Taken {
  readonly text: string;
  readonly lines: readonly (readonly Piece[])[];
}

/** A new folder whose name is as long as what is shown for it. */
export function newFolder(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  for (const one of letters) {
    for (const other of letters) {
      const dir = join('/tmp', `an${one}${other}`);
      try {
        mkdirSync(dir, { mode: 0o700 });
        return dir;
      } catch {
        // Somebody has it.
      }
    }
  }
  throw new Error(`no folder can be made in ${tmpdir()}`);
}

export async function fiveDigits(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port > 9_999) return port;
  }
}

/** The same length for the same kind, so that nothing moves. */
function masked(line: string, place: Place): string {
  return line
    .replaceAll(place.dir, SHOWN_HOME)
    .replaceAll(/127\.0\.0\.1:\d{5}/g, '127.0.0.1:17420')
    .replaceAll(/bowline-demo[.-]\w{6}/g, (found) => `${found.slice(0, 13)}aaaaaa`)
    .replaceAll(/(?<=inode )\d+/g, (found) => '4711'.padEnd(found.length, '0'))
    .replaceAll(/(?<=digest )[0-9a-f]{12}/g, '0f3a9c12e4b5')
    .replaceAll(/\d{4}-\d\d-\d\d/g, '2026-11-30')
    .replaceAll(/\d\d:\d\d:\d\d/g, '09:41:07')
    .replaceAll(/(?<=2026-11-30 )\d\d:\d\d(?!:)/g, '09:41')
    .replaceAll(
      /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g,
      '0191f3c2-7d3a-7c11-9f00-1b6d0a5c2e11',
    )
    .replaceAll(/\b0[0-9a-f]{7}\b/g, '0191f3c2');
}

/** A line that the terminal broke is masked as a whole, and broken at the same places. */
function maskedLines(lines: readonly IBufferLine[], place: Place): string[] {
  const raw = lines.map((line) => line.translateToString(false));
  const out: string[] = [];
  for (let from = 0; from < raw.length; ) {
    let to = from + 1;
    while (lines[to]?.isWrapped) to++;
    const whole = masked(raw.slice(from, to).join(''), place);
    let at = 0;
    for (const { length } of raw.slice(from, to)) {
      out.push(whole.slice(at, at + length));
      at += length;
    }
    from = to;
  }
  return out;
}

export async function take(
  capture: Capture,
  { columns, rows }: (typeof SIZES)[number],
  place: Place,
  id = '',
): Promise<Taken> {
  const command = capture.command.replace(/RUN|ID/, id);
  // What does not have the whole screen is as long as it is.
  const size = { columns, rows: capture.wholeScreen ? rows : 400 };
  const terminal = new TerminalProgram(['bash', '-c', command], size, {
    cwd: ROOT,
    env: { ...place.env, FORCE_COLOR: '1' },
  });
  const shown = (sign: RegExp) => terminal.until(sign, LIMIT_MS);
  for (const [sign, keys] of capture.typed ?? []) {
    await shown(sign);
    // As a person does: what is typed before a question could be read is not taken for its answer.
    await pause(PERSON_MS);
    terminal.type(keys);
  }
  await shown(capture.shows);
  if (!capture.wholeScreen) await terminal.program.ended;
  const screen = await terminal.screen();
  const { active } = terminal.terminal.buffer;
  const last = capture.wholeScreen ? rows : screen.findLastIndex((line) => line !== '') + 1;
  const lines = Array.from({ length: last }, (_, at) => active.getLine(at)!);
  const texts = maskedLines(lines, place);
  const pieces = lines.map((line, at) => piecesOf(line, texts[at] ?? ''));
  if (capture.wholeScreen) await terminal.program.stop();
  // The line that was typed stands before all.
  const typed: Piece = { column: 0, width: capture.command.length + 2, text: `$ ${capture.command}`, ...PLAIN };
  const first = capture.wholeScreen ? [] : [[typed]];
  const head = `$ ${capture.command}\n`;
  return { text: head + texts.map((line) => line.trimEnd()).join('\n'), lines: [...first, ...pieces] };
}

const PLAIN = { colour: undefined, bold: true, dim: false, underlined: false, inverse: false };
