// The parser's settings as they stand among those of the worker.
import type { WorkerSettings } from '../program/settings.ts';
import { PARSER_DEFAULTS, type ParserSettings } from './parser-settings.ts';

export const parserSettings = (all: WorkerSettings): ParserSettings => ({
  ...PARSER_DEFAULTS,
  isolation: all.parserIsolation,
  processes: all.parserProcesses,
  memoryBytes: all.parserMemoryBytes,
  documentMs: all.parserMs,
  bubblewrap: all.sandboxBubblewrap,
});
