// The reader: reads documents for an edge, which starts it when there is one to read and ends it when it is idle. Its settings are the
// first word of its command line, as JSON; it ends with its standard input.
import { systemClock } from '../base/clock.ts';
import { endNow } from '../base/end-process.ts';
import { silentLogger } from '../base/logger.ts';
import { openParser } from '../worker/documents/open-parser.ts';
import { PARSER_DEFAULTS, type ParserSettings } from '../worker/documents/parser-settings.ts';
import { serveDocuments } from '../worker/documents/serve-documents.ts';

const given = JSON.parse(process.argv[2] ?? '{}') as Partial<ParserSettings>;
process.stdout.on('error', () => endNow(1));
// One document at a time is asked for.
const settings = { ...PARSER_DEFAULTS, processes: 1, ...given };
await serveDocuments(
  process.stdin,
  (message) => void process.stdout.write(message),
  () => openParser(settings, { clock: systemClock, log: silentLogger }),
);
endNow(0);
