// The rows of the parser of documents in the table of a worker's settings, and the parser's settings as they stand there.
import type { Setting, SettingValues } from '../../base/settings/setting.ts';
import { PARSER_DEFAULTS, type ParserSettings } from './parser-settings.ts';

export const DOCUMENT_ROWS = {
  parserIsolation: {
    env: 'BOWLINE_PARSER_ISOLATION',
    group: 'documents',
    kind: 'choice',
    what: 'how HTML, PDF and other documents are parsed: in bubblewrap, without network and files; or in a plain child process, which keeps the network',
    of: ['bubblewrap', 'process'],
    fallback: PARSER_DEFAULTS.isolation,
  },
  parserProcesses: {
    env: 'BOWLINE_PARSER_PROCESSES',
    group: 'documents',
    kind: 'number',
    unit: 'count',
    what: 'most processes that parse documents at once',
    fallback: PARSER_DEFAULTS.processes,
    min: 1,
    max: 64,
  },
  parserMemoryBytes: {
    env: 'BOWLINE_PARSER_MEMORY_BYTES',
    group: 'documents',
    kind: 'number',
    unit: 'bytes',
    what: 'most memory of one such process',
    fallback: PARSER_DEFAULTS.memoryBytes,
    min: 128 << 20,
    max: 8 * 2 ** 30,
  },
  parserMs: {
    env: 'BOWLINE_PARSER_TIME_MS',
    group: 'documents',
    kind: 'number',
    unit: 'ms',
    what: 'longest time for one document',
    fallback: PARSER_DEFAULTS.documentMs,
    min: 1_000,
    max: 600_000,
  },
} as const satisfies Record<string, Setting>;

/** What the parser reads of the settings: its own, and where bubblewrap is. */
export type DocumentRows = SettingValues<typeof DOCUMENT_ROWS> & { readonly sandboxBubblewrap: string | undefined };

export const parserSettings = (all: DocumentRows): ParserSettings => ({
  ...PARSER_DEFAULTS,
  isolation: all.parserIsolation,
  processes: all.parserProcesses,
  memoryBytes: all.parserMemoryBytes,
  documentMs: all.parserMs,
  bubblewrap: all.sandboxBubblewrap,
});
