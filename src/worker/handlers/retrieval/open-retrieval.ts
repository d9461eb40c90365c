// Opens the capability `retrieval`: its database, and what reads and cuts documents.
import { join } from 'node:path';
import { AppError } from '../../../base/errors.ts';
import type { SettingValues } from '../../../base/settings/setting.ts';
import { openParser } from '../../documents/open-parser.ts';
import { type DocumentRows, parserSettings } from '../../documents/setting-rows.ts';
import type { CapabilityParts, ServedCapability } from '../../kit/capability.ts';
import { LazyParser, type OpenParser } from './documents/lazy-parser.ts';
import { Cutter } from './passages/cutter.ts';
import { retrievalHandler } from './retrieval-handler.ts';
import { type RETRIEVAL_ROWS, retrievalSettings } from './setting-rows.ts';
import { LazyDatabase } from './store/lazy-database.ts';
import { openPassageDatabase } from './store/open-database.ts';

/**
 * A database by URL is opened at once, so that a worker that could never do its work says so at its start; one that does not answer
 * is tried again with each call. The embedded one is opened by the first call: until then it costs nothing, afterwards some 440 MB.
 * Throws RETRIEVAL_UNAVAILABLE, DATABASE_NEWER.
 */
export async function openRetrieval(
  { home, clock, log, settings: all }: CapabilityParts<SettingValues<typeof RETRIEVAL_ROWS> & DocumentRows>,
  open: OpenParser = () => openParser(parserSettings(all), { clock, log }),
): Promise<ServedCapability> {
  const settings = retrievalSettings(all);
  const database = new LazyDatabase(() => openPassageDatabase(join(home, 'retrieval'), settings, log));
  const parser = new LazyParser(open);
  const cutter = new Cutter({ limitMs: settings.documentMs, clock });
  if (settings.databaseUrl) {
    await database.get().catch((error: unknown) => {
      if (!(error instanceof AppError) || error.reason !== 'STORE_UNAVAILABLE') throw error;
      log.warn('the database of retrieval does not answer yet', { problem: error.metadata.problem });
    });
  }
  return {
    handler: retrievalHandler({ database: () => database.get(), parser, cutter, settings }),
    close: async () => {
      await Promise.all([cutter.close(), parser.close()]);
      await database.close();
    },
  };
}
