// A folder as people really have it: about 300 mixed files with known facts, the same for the same seed, made in a second.
// What it holds is told by its manifest; facts that questions ask for stand in `messy-texts.ts`.
import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { makeDocx, paragraph } from './make-docx.ts';
import { makePdf } from './make-pdf.ts';
import { textsOf } from './messy-texts.ts';
import { pixels } from './pixels.ts';
import { seeded } from './seeded.ts';

/** When a file was changed, by the local calendar. */
export type Age = 'today' | 'yesterday' | 'last week' | 'last month' | 'last year' | 'long ago';

export interface MessyFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly name: string;
  /** Of the name, without its dot, in lower case. */
  readonly extension: string;
  readonly bytes: number;
  readonly modified: Date;
  readonly age: Age;
  /** What stands in it, where it is text of a modest size. */
  readonly text?: string;
}

export interface MessyOptions {
  readonly seed?: number;
  /** The time that ages are counted from; default: now. */
  readonly now?: Date;
  /** Of the large log; default: 50 MB. */
  readonly bigBytes?: number;
}

export interface MessyFolder {
  readonly dir: string;
  /** Every plain file in it, links left out. */
  readonly files: readonly MessyFile[];
  /** The file 40 levels down. */
  readonly deepest: string;
  readonly bigLog: string;
  readonly links: readonly string[];
}

const LEVELS = 40;
const CHUNK = 1 << 20;

/** Fills `dir`, which is made if it is not there. */
export function makeMessyFolder(dir: string, options: MessyOptions = {}): MessyFolder {
  const { seed = 12, now = new Date(), bigBytes = 50_000_000 } = options;
  const files: MessyFile[] = [];
  const random = seeded(seed);
  const write = (path: string, content: string | Uint8Array, age: Age = 'long ago') => {
    const full = join(dir, path);
    mkdirSync(dirname(full), { recursive: true });
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    writeFileSync(full, bytes);
    const modified = timeOf(age, now, random());
    utimesSync(full, modified, modified);
    const name = basename(path);
    const text = typeof content === 'string' ? { text: content } : {};
    const extension = extname(name).slice(1).toLowerCase();
    files.push({ path, name, extension, bytes: bytes.length, modified, age, ...text });
  };
  for (const { path, text, age } of textsOf(random)) write(path, text, age);
  documents(write);
  odd(write);
  const deepest = deep(write);
  const bigLog = 'logs/big.log';
  write(bigLog, '');
  files.pop();
  files.push(big(dir, bigLog, bigBytes, timeOf('last month', now, 0)));
  chmodSync(join(dir, 'locked.md'), 0);
  return { dir, files, deepest, bigLog, links: links(dir) };
}

type Write = (path: string, content: string | Uint8Array, age?: Age) => void;

function documents(write: Write): void {
  write('papers/contract.pdf', makePdf(['The contract ends on 30 June 2027.\nNotice is three months.']), 'last week');
  write('papers/manual.pdf', makePdf(['Pump manual\nChange the filter every 500 hours.', 'The pump weighs 42 kg.']));
  for (let i = 1; i <= 6; i++)
    write(`papers/ticket-${i}.pdf`, makePdf([`Train ticket ${i}\nSeat ${20 + i}, coach 7.`]));
  write('papers/offer.docx', makeDocx(paragraph('The offer for the roof is 18400 EUR.')), 'yesterday');
  write('papers/合同.docx', makeDocx(paragraph('合同有效期为三年，违约金为两万元。')));
  for (let i = 1; i <= 12; i++) write(`photos/IMG_${2000 + i}.png`, pixels('png', i));
  for (let i = 1; i <= 8; i++) write(`photos/harbour ${i}.jpg`, pixels('jpeg', i), i === 1 ? 'today' : undefined);
}

function odd(write: Write): void {
  write('latin1.txt', Buffer.from('Das Café öffnet um zehn Uhr früh.\n', 'latin1'));
  write('utf16.txt', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('The locker code is 4711.\n', 'utf16le')]));
  write('empty.md', '');
  write('party 🎉 plan.md', '# Party\n\nBring lanterns, the band comes at seven.\n', 'yesterday');
  write('name with many spaces.md', '# Spaces\n\nThe spare key hangs behind the clock.\n');
  write('line\nend.md', '# Odd name\n\nThe name of this file has a line end.\n');
  write('bell\u0007.md', '# Bell\n\nThe name of this file holds a bell.\n');
  write('quote\'s "end".md', '# Quotes\n\nBoth kinds of quotes stand in the name of this file.\n');
  write('locked.md', '# Locked\n\nNobody may read this.\n');
  write('.env', 'API_TOKEN=sk-not-a-real-token-000000000000\n');
  write('archive.bin', Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 37) % 256)));
}

function deep(write: Write): string {
  const folders = Array.from({ length: LEVELS }, (_, at) => `level-${at + 1}`);
  const path = `deep/${folders.join('/')}/bottom.md`;
  write(path, '# Bottom\n\nThe anchor lies at forty fathoms.\n');
  write(`deep/${folders.slice(0, 20).join('/')}/middle.md`, '# Middle\n\nHalf way down hangs a lamp.\n');
  return path;
}

/** Lines of a server; one, at two thirds, says what stands nowhere else. */
function big(dir: string, path: string, size: number, modified: Date): MessyFile {
  const line = (at: number) => `2025-03-0${1 + (at % 9)} 12:00:00 INFO request ${at} served in ${at % 97} ms\n`;
  const block: Buffer = Buffer.from(
    `${Array.from({ length: 20_000 }, (_, at) => line(at))
      .join('')
      .slice(0, CHUNK - 1)}\n`,
  );
  const needle: Buffer = Buffer.from('2025-03-07 13:14:15 ERROR valve 9 jammed: quicksilver leaked\n');
  const file = openSync(join(dir, path), 'w');
  let left = size;
  let told = false;
  while (left > 0) {
    const part: Buffer = !told && left <= size / 3 + CHUNK ? needle : block;
    told ||= part === needle;
    left -= writeSync(file, part, 0, Math.min(part.length, left));
  }
  closeSync(file);
  utimesSync(join(dir, path), modified, modified);
  return { path, name: 'big.log', extension: 'log', bytes: size, modified, age: 'last month' };
}

function links(dir: string): string[] {
  const made: [string, string][] = [
    ['links/to-launch.md', '../launch.md'],
    ['links/outside.txt', '/etc/hostname'],
    ['links/loop', '..'],
    ['links/broken.md', 'nowhere.md'],
  ];
  mkdirSync(join(dir, 'links'), { recursive: true });
  for (const [path, target] of made) symlinkSync(target, join(dir, path));
  return made.map(([path]) => path);
}

/** A time that is of this age whatever the hour; `part` from 0 to 1 spreads old ones. */
function timeOf(age: Age, now: Date, part: number): Date {
  const at = (year: number, month: number, day: number, hour = 12) => new Date(year, month, day, hour);
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()];
  const midnight = at(year, month, day, 0);
  const monday = day - ((now.getDay() + 6) % 7);
  switch (age) {
    case 'today':
      return new Date(midnight.getTime() + (now.getTime() - midnight.getTime()) * (0.5 + part / 3));
    case 'yesterday':
      return at(year, month, day - 1);
    case 'last week':
      return at(year, month, monday - 5);
    case 'last month':
      return at(year, month - 1, 15);
    case 'last year':
      return at(year - 1, 5, 15);
    case 'long ago':
      return new Date(at(year - 3, 0, 10).getTime() + Math.floor(part * 500) * 86_400_000);
  }
}
