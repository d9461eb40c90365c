// Opens the parser of documents for a worker: with isolation, or without it only where the settings say so.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { openIsolation } from '../isolation/open-isolation.ts';
import type { DocumentParser } from './document.ts';
import { isolatedParser, plainParser, type StartParser } from './parser-link.ts';
import { ParserPool, type PoolSettings } from './parser-pool.ts';

export interface ParserSettings extends PoolSettings {
  /**
   * `bubblewrap`: processes see no network, no file but their own code and no other process; where that cannot be had, nothing is opened.
   * `process`: a plain child of the same user. Node's permission model keeps files, children and native code from it, but not the network,
   * and only as long as no error of Node itself is used against it.
   */
  readonly isolation: 'bubblewrap' | 'process';
}

export const PARSER_DEFAULTS: ParserSettings = Object.freeze({
  isolation: 'bubblewrap',
  processes: 2,
  queue: 64,
  memoryBytes: 512 << 20,
  documentMs: 20_000,
  documents: 100,
  idleMs: 60_000,
});

/** Throws PARSER_UNAVAILABLE with what stands in the way. */
export async function openParser(
  settings: ParserSettings,
  parts: { clock: Clock; log: Logger },
): Promise<DocumentParser> {
  const pool = new ParserPool({ ...parts, settings, start: await starter(settings, parts) });
  try {
    await pool.open();
    return pool;
  } catch (error) {
    await pool.close();
    throw error;
  }
}

async function starter(settings: ParserSettings, parts: { clock: Clock; log: Logger }): Promise<StartParser> {
  if (settings.isolation === 'process') {
    parts.log.warn('documents are parsed in a plain child process: an error in a parser could reach the network');
    return plainParser(settings);
  }
  try {
    return isolatedParser(await openIsolation({ ...parts, withoutCgroup: settings.processes + 1 }), settings);
  } catch (error) {
    const problem = error instanceof AppError ? error.message : 'isolation could not be opened';
    throw new AppError('PARSER_UNAVAILABLE', { problem }, { cause: error });
  }
}
