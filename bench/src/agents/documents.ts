// The parser of documents as a worker has it, in processes of its own, on documents of public sets.
import { systemClock } from '../../../src/base/clock.ts';
import { AppError } from '../../../src/base/errors.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { type DocumentInput, type DocumentParser, MAX_CHARS } from '../../../src/worker/documents/document.ts';
import { openParser } from '../../../src/worker/documents/open-parser.ts';
import { PARSER_DEFAULTS } from '../../../src/worker/documents/parser-settings.ts';
import { serveAgent } from '../harness/agent.ts';

export type ReadArgs = Pick<DocumentInput, 'bytes' | 'mediaType' | 'charset' | 'url'>;

/** What was read, or the code of why not. */
export type Reading = { readonly text: string; readonly warning: string } | { readonly refused: string };

let parser: DocumentParser;

serveAgent({
  open: async () => {
    parser = await openParser(PARSER_DEFAULTS, { clock: systemClock, log: silentLogger });
  },
  read: async (args: ReadArgs): Promise<Reading> => {
    try {
      const asked = { ...args, bytes: new Uint8Array(args.bytes), readable: true, maxChars: MAX_CHARS };
      const { text, warning } = await parser.parse(asked, AbortSignal.timeout(60_000));
      return { text, warning };
    } catch (error) {
      if (error instanceof AppError) return { refused: error.code };
      throw error;
    }
  },
});
