// Fills the journal of an edge with what it must keep, and gives the room back: standing grants, written and ended while the edge is
// down. Between the two it runs and says what is full, where, and what helps.
import { createClient } from '@connectrpc/connect';
import { GrantEndReason } from '../../gen/bowline/journal/v1/journal_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { homePaths } from '../../src/base/home.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { type EdgeJournal, openEdgeJournal } from '../../src/edge/journal/edge-journal.ts';
import { reasonOf, type Transport } from './clients.ts';

/** What every edge of the cluster has; the least that config.yaml takes. */
export const JOURNAL_BYTES = 8 << 20;
/** Coarse first, so that it is quick; at last nothing but the smallest record would fit. */
const SIZES = [60_000, 6_000, 600, 60];

/** Writes grants into the journal of a home whose edge is down until none fits. Returns their ids. */
export async function fillJournal(home: string): Promise<string[]> {
  const ids: string[] = [];
  await withJournal(home, async (journal) => {
    for (const size of SIZES) {
      for (let id = await addGrant(journal, size); id !== undefined; id = await addGrant(journal, size)) ids.push(id);
    }
  });
  return ids;
}

/** The id of a grant of about this size; undefined where it does not fit any more. */
async function addGrant(journal: EdgeJournal, size: number): Promise<string | undefined> {
  const id = newId();
  const value = { id, collection: id, recipients: ['nobody'], files: [{ realPath: '/'.padEnd(size, 'x') }] };
  try {
    await journal.append([{ case: 'grantMinted', value }]);
    return id;
  } catch (error) {
    if (error instanceof AppError && error.reason === 'JOURNAL_FULL') return undefined;
    throw error;
  }
}

/** Throws what is unclear in how a full edge refuses an ask. */
export async function saysFull(home: string, transport: Transport): Promise<void> {
  const text = 'x'.repeat(2_000);
  const said = await (async () => {
    const request = { text, conversation: newId(), requestId: newId() };
    for await (const { event } of createClient(LocalService, transport).ask(request)) {
      if (event?.event.case === 'accepted') return 'it was accepted';
    }
    return 'nothing';
  })().catch((error: unknown) => `${reasonOf(error)} ${String(error)}`);
  // A machine that is too busy to answer says nothing about the words.
  if (said.startsWith('lost ')) return;
  for (const part of ['JOURNAL_FULL', homePaths(home).journal, `${JOURNAL_BYTES} bytes`, 'limits.journal_bytes'])
    if (!said.includes(part)) throw new Error(`a full journal is told without ${part}: ${said.slice(0, 300)}`);
}

/** Ends the grants of a home whose edge is down; a full journal takes that. The next ask there prunes. */
export async function giveRoom(home: string, ids: readonly string[]): Promise<void> {
  await withJournal(home, async (journal) => {
    const ends = ids.map((id) => ({ case: 'grantEnded' as const, value: { id, why: GrantEndReason.REVOKED } }));
    await journal.append(ends);
  });
}

async function withJournal(home: string, act: (journal: EdgeJournal) => Promise<void>): Promise<void> {
  const options = { clock: systemClock, log: silentLogger, maxBytes: JOURNAL_BYTES, onFatal: () => {} };
  const journal = await openEdgeJournal(homePaths(home).journal, options);
  try {
    await act(journal);
  } finally {
    await journal.close();
  }
}
