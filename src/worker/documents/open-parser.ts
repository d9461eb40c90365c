// Opens the parser of documents for a worker: with isolation, or without it only where the settings say so.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { openIsolation } from '../isolation/open-isolation.ts';
import type { DocumentParser } from './document.ts';
import { isolatedParser, plainParser, type StartParser } from './parser-link.ts';
import { ParserPool } from './parser-pool.ts';
import type { ParserSettings } from './parser-settings.ts';

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
    return isolatedParser(
      await openIsolation({ ...parts, bubblewrap: settings.bubblewrap, withoutCgroup: settings.processes + 1 }),
      settings,
    );
  } catch (error) {
    const problem = error instanceof AppError ? error.message : 'isolation could not be opened';
    throw new AppError('PARSER_UNAVAILABLE', { problem, weaker: settings.names.isolation }, { cause: error });
  }
}
