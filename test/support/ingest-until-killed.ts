// A process for tests: opens retrieval embedded in argv[2], puts the text of argv[3] into the document `d` of the collection `c`, and
// says `embedded` when its vectors have come; with argv[4] = `hold` it goes no further and waits to be killed.
import { silentLogger } from '../../src/base/logger.ts';
import { RETRIEVAL_DEFAULTS } from '../../src/worker/handlers/retrieval/retrieval-settings.ts';
import { openPassageDatabase } from '../../src/worker/handlers/retrieval/store/open-database.ts';
import { LETTERS, RetrievalRig } from './retrieval-rig.ts';

const [, , folder = '', text = '', mode] = process.argv;
const database = await openPassageDatabase(folder, RETRIEVAL_DEFAULTS, silentLogger);
const rig = new RetrievalRig(async () => database, {
  settings: { passageTokens: 40 },
  model: {
    ...LETTERS,
    before: async () => {
      process.stdout.write('embedded\n');
      if (mode === 'hold') await new Promise(() => setInterval(() => {}, 1000));
    },
  },
});
await rig.ingest('t', 'c', { d: text });
process.stdout.write('done\n');
// In the middle of whatever follows.
setInterval(() => {}, 1000);
