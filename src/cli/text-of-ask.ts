// The text of an ask: one word to the shell, and not a file name that a shell put there; or what comes on standard input.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AppError } from '../base/errors.ts';
import { isAskTooLong, maxAskBytes } from '../contract/ask-text.ts';
import type { CliIo } from './io.ts';

/**
 * The text of the words of the command line; of standard input where the word is `-`, or where there is none and no terminal.
 * Throws USAGE with what to quote.
 */
export async function textOfAsk(
  words: readonly string[],
  { cwd, stdin }: Pick<CliIo, 'cwd' | 'stdin'>,
): Promise<string> {
  const piped = words.length === 0 ? stdin.isTTY !== true : words.length === 1 && words[0] === '-';
  return checked(piped ? await readSome(stdin, maxAskBytes() + 1) : textOfWords(words, cwd));
}

/** Not much more than `bytes` of a stream: enough to tell that it is too long. */
async function readSome(stream: CliIo['stdin'], bytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    pieces.push(Buffer.from(piece));
    length += pieces.at(-1)?.length ?? 0;
    if (length >= bytes) break;
  }
  return Buffer.concat(pieces).toString();
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
