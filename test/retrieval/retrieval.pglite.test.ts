// Retrieval on the embedded database.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import { RETRIEVAL_DEFAULTS } from '../../src/worker/handlers/retrieval/retrieval-settings.ts';
import { openPassageDatabase } from '../../src/worker/handlers/retrieval/store/open-database.ts';
import { retrievalSuite } from './retrieval.suite.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-test-retrieval-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

retrievalSuite(() => openPassageDatabase(folder, RETRIEVAL_DEFAULTS, silentLogger));
