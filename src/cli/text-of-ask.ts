// The text of an ask: one word to the shell, and not a file name that a shell put there.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AppError } from '../base/errors.ts';
import { isAskTooLong, maxAskBytes } from '../contract/ask-text.ts';

/** The text of the words of the command line. Throws USAGE with what to quote. */
export function textOfAsk(words: readonly string[], cwd: string): string {
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
  const text = words[0]?.trim() ?? '';
  if (text === '')
    throw new AppError('USAGE', { what: "there is no text; ask in quotes, like: bowline ask 'What is here?'" });
  if (!isAskTooLong(text)) return text;
  throw new AppError('USAGE', {
    what: `the text is over ${maxAskBytes()} bytes; put its material into a file and --share that`,
  });
}
