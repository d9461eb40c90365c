// Which shares of earlier starts are in force again: those of asks that wait unsent, because what is asked offline is answered later,
// those of what was piped in, because nobody can pipe it in a second time, and those that the owner gave when a call asked, because an
// answer is not asked for twice. The others end.
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

/** @returns what was piped into asks that are open */
export async function openEarlierShares(
  { home }: Pick<EdgeGround, 'home'>,
  {
    open,
    index,
    ownRuns,
    askedShares,
    journal,
  }: Pick<Journaled, 'open' | 'index' | 'ownRuns' | 'askedShares' | 'journal'>,
  grants: Grants,
): Promise<PipedInput> {
  const dir = homePaths(home).piped;
  makeFolder(dir);
  const piped = new PipedInput(dir, await openBlobs(dir, undefined, BLOBS));
  const shares = open.all().flatMap(({ record, accepted }) => record.grants.map((grant) => ({ grant, accepted })));
  const given = shares.flatMap(({ grant: { run, files } }) => {
    const [file] = files;
    return file?.path === PIPED_NAME ? [[run, file.realPath] as const] : [];
  });
  await piped.start(new Map(given));
  const earlier = new Set(ownRuns.openGrants);
  for (const { grant, accepted } of shares) {
    if (!earlier.has(grant.id)) continue;
    const isPiped = grant.files[0]?.path === PIPED_NAME;
    if (isPiped ? !piped.of(grant.run) : accepted) continue;
    const used = await bytesUnder(index, grant);
    if (used === undefined) continue;
    // Under what was never sent nothing has left.
    const waits = !accepted && used === 0;
    if ((isPiped || waits) && grants.revive(grant, { used, waits })) earlier.delete(grant.id);
  }
  const waits = (approval: string) => journal.approvals.get(approval)?.used === false;
  for (const id of askedShares.holdIn(grants, waits)) earlier.delete(id);
  grants.endEarlier(
    [...earlier],
    shares.map(({ grant }) => grant),
  );
  return piped;
}

/** Bytes that have left under a grant, as the ledger tells; undefined when they are too many to count. */
async function bytesUnder(index: Journaled['index'], { id, run }: { readonly id: string; readonly run: string }) {
  const lines = await index.query((known) => known.ledger({ run, limit: MOST_LINES }));
  if (lines.length >= MOST_LINES) return undefined;
  return lines.reduce((sum, { egress }) => sum + (egress.grant === id ? Number(egress.bytes) : 0), 0);
}
