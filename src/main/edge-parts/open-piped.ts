// What was piped into asks, and the grants for it that are in force again after a restart: nobody can pipe it in a second time.
import { homePaths } from '../../base/home.ts';
import { makeFolder } from '../../base/make-folder.ts';
import { PIPED_NAME } from '../../contract/piped-name.ts';
import type { Grants } from '../../edge/grants/grants.ts';
import { PipedInput } from '../../edge/grants/piped-input.ts';
import { openBlobs } from '../../edge/journal/blobs.ts';
import type { EdgeGround } from './options.ts';
import type { Journaled } from './start-journal.ts';

const BLOBS = {
  words: {
    store: 'what was piped into asks without an answer',
    one: 'what was piped in',
    remedy: 'wait until some of them are answered, or end one: `bowline queue rm RUN`',
  },
};
/** More lines of one run's ledger are not counted: then the grant stays ended. */
const MOST_LINES = 10_000;

/** Ends the other grants of earlier starts. */
export async function openPiped(
  { home }: Pick<EdgeGround, 'home'>,
  { open, index, ownRuns }: Pick<Journaled, 'open' | 'index' | 'ownRuns'>,
  grants: Grants,
): Promise<PipedInput> {
  const dir = homePaths(home).piped;
  makeFolder(dir);
  const piped = new PipedInput(dir, await openBlobs(dir, undefined, BLOBS));
  const shares = open.all().flatMap(({ record }) => record.grants);
  const given = shares.flatMap((grant) => {
    const [file] = grant.files;
    return file?.path === PIPED_NAME ? [{ grant, file }] : [];
  });
  await piped.start(new Map(given.map(({ grant, file }) => [grant.run, file.realPath])));
  const earlier = new Set(ownRuns.openGrants);
  for (const { grant } of given) {
    if (!earlier.has(grant.id) || !piped.of(grant.run)) continue;
    const used = await bytesUnder(index, grant);
    if (used !== undefined && grants.revive(grant, used)) earlier.delete(grant.id);
  }
  grants.endEarlier([...earlier], shares);
  return piped;
}

/** Bytes that have left under a grant, as the ledger tells; undefined when they are too many to count. */
async function bytesUnder(index: Journaled['index'], { id, run }: { readonly id: string; readonly run: string }) {
  const lines = await index.query((known) => known.ledger({ run, limit: MOST_LINES }));
  if (lines.length >= MOST_LINES) return undefined;
  return lines.reduce((sum, { egress }) => sum + (egress.grant === id ? Number(egress.bytes) : 0), 0);
}
