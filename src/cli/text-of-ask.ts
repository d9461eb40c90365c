// The text of an ask: one word to the shell, and not a file name that a shell put there; or what comes on standard input. Beside a text
// that is given, what comes there is what the ask is about.
import { existsSync, fstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../base/errors.ts';
import { isAskTooLong, maxAskBytes } from '../contract/ask-text.ts';
import { MAX_PIPED_BYTES } from '../contract/piped-name.ts';
import type { CliIo } from './io.ts';
import { Printer } from './output.ts';
import { hasFeeder } from './pipe-feeder.ts';
import { telling, tellWait } from './told-wait.ts';
import { bytesText } from './units.ts';

/** After this long without the end of standard input it is said what is waited for. */
const SAID_MS = 1_000;
/** How long the first of it is waited for where no program of the command line writes it. */
const FIRST_MS = 3_000;

type InputIo = Pick<CliIo, 'stdin' | 'stderr' | 'env'>;

/**
 * The text of the words of the command line; of standard input where the word is `-`, or where there is none and no terminal.
 * Throws USAGE with what to quote.
 */
export async function textOfAsk(words: readonly string[], io: Pick<CliIo, 'cwd'> & InputIo): Promise<string> {
  if (!isOnInput(words, io.stdin)) return checked(textOfWords(words, io.cwd));
  const read = await telling(
    io,
    'reading the ask from standard input, to its end',
    () => readSome(io.stdin, maxAskBytes() + 1),
    SAID_MS,
  );
  return checked(read.toString());
}

/** Whether the text itself is what comes on standard input. */
const isOnInput = (words: readonly string[], { isTTY }: CliIo['stdin']): boolean =>
  words.length === 0 ? isTTY !== true : words.length === 1 && words[0] === '-';

/**
 * What was piped in beside a text, byte by byte; empty where nothing was. Where nobody begins to write and no program of the command line
 * would, it is not waited for, unless it is `expected`. Throws USAGE when it is too long to be shared.
 */
export async function pipedBeside(words: readonly string[], io: InputIo, expected = false): Promise<Uint8Array> {
  if (isOnInput(words, io.stdin) || io.stdin.isTTY === true) return new Uint8Array();
  const wait = tellWait(io, 'reading standard input to its end, to share it; to share nothing: < /dev/null', SAID_MS);
  const bytes = await (async () => {
    if (!expected && !(await begins(io))) {
      if (!hasFeeder((io.stdin as { fd?: number }).fd ?? -1)) return undefined;
      wait.say(
        'a program of this command line writes to standard input: waiting for it; to share nothing: < /dev/null',
      );
    }
    return await readSome(io.stdin, MAX_PIPED_BYTES + 1);
  })().finally(wait.stop);
  if (bytes === undefined) {
    const told = 'nothing came on standard input, so nothing of it is shared; to wait for it: --stdin';
    new Printer(io.stderr, io.env).line(told, 'yellow');
    return new Uint8Array();
  }
  if (bytes.length === 0) {
    if (expected) throw new AppError('USAGE', { what: '--stdin: standard input was empty; nothing was asked' });
    if (isPipeOrFile(io.stdin))
      new Printer(io.stderr, io.env).line('standard input was empty, so nothing of it is shared', 'yellow');
  }
  if (bytes.length <= MAX_PIPED_BYTES) return bytes;
  throw new AppError('USAGE', {
    what: `what was piped in is over ${bytesText(MAX_PIPED_BYTES)}; put it into a file in an allowed folder and --share lines of it, like big.log#L1-L2000`,
  });
}

/** What a shell connects. `/dev/null` says that nothing is meant, and a program that starts this one gives it a socket. */
function isPipeOrFile(stdin: InputIo['stdin']): boolean {
  try {
    const about = fstatSync((stdin as { fd?: number }).fd ?? -1);
    return about.isFIFO() || about.isFile();
  } catch {
    return false;
  }
}

/** Whether something comes soon, or the end. */
async function begins({ stdin }: Pick<CliIo, 'stdin'>): Promise<boolean> {
  const came = new AbortController();
  const onReadable = () => came.abort();
  stdin.on('readable', onReadable).on('end', onReadable);
  try {
    await delay(FIRST_MS, undefined, { signal: came.signal }).catch(() => {});
    return came.signal.aborted;
  } finally {
    stdin.off('readable', onReadable).off('end', onReadable);
  }
}

/** Where there is no box that could share it, nothing may be piped in beside a text. Throws USAGE. */
export async function mustBeAlone(words: readonly string[], io: InputIo): Promise<void> {
  if ((await pipedBeside(words, io)).length === 0) return;
  throw new AppError('USAGE', {
    what: 'runs ask goes to the control plane alone and shares nothing of this machine; pipe it into: bowline ask',
  });
}

/** Not much more than `bytes` of a stream: enough to tell that it is too long. */
async function readSome(stream: CliIo['stdin'], bytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    pieces.push(Buffer.from(piece));
    length += pieces.at(-1)?.length ?? 0;
    if (length >= bytes) break;
  }
  return Buffer.concat(pieces);
}

function textOfWords(words: readonly string[], cwd: string): string {
  const file = words.find((word) => word.trim() !== '' && word.length < 4096 && existsSync(resolve(cwd, word)));
  if (file !== undefined) {
    throw new AppError('USAGE', {
      what: `${JSON.stringify(file)} is a file or folder, not the text of an ask; quote the glob so that the shell leaves it alone, like: bowline ask --share '*.md' 'What is in them?'`,
    });
  }
  if (words.length > 1) {
    throw new AppError('USAGE', {
      what: `the text is ${words.length} words to the shell; put it in quotes, like: bowline ask 'What is in notes.md?'`,
    });
  }
  return words[0] ?? '';
}

function checked(given: string): string {
  const text = given.trim();
  if (text === '')
    throw new AppError('USAGE', { what: "there is no text; ask in quotes, like: bowline ask 'What is here?'" });
  if (!isAskTooLong(text)) return text;
  throw new AppError('USAGE', {
    what: `the text is over ${maxAskBytes()} bytes; put its material into a file and --share that`,
  });
}
