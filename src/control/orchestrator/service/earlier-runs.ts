// Looks up what was said before in a conversation: the turns and the summary that a new run is shown, and the last summary.

import { type History, type HistoryBounds, HistoryDraft, pastSummary, pastTurn } from '../models/history.ts';
import { isSummingUp, summaryOf } from '../models/summary.ts';
import type { ConversationState } from '../run/conversation.ts';
import { boundBy } from '../run/run-recipients.ts';
import { type FoldedRun, isEnded } from '../run/state.ts';
import type { StreamCache } from './stream-cache.ts';
import { ifReadable } from './unreadable.ts';

type Runs = Pick<StreamCache<FoldedRun, unknown>, 'peek' | 'refresh'>;

/** What a run is shown of its conversation. `just` is the run that ended in this very commit. */
export async function historyFor(
  runs: Runs,
  bounds: HistoryBounds,
  run: FoldedRun,
  line: ConversationState | undefined,
  just?: FoldedRun,
): Promise<History> {
  const draft = new HistoryDraft(bounds, boundBy(run).recipients);
  for (const id of newestFirst(line)) {
    const earlier = id === just?.id ? just : await ended(runs, run.tenant, id);
    // What is asked again is answered as if for the first time.
    if (!earlier || id === run.betterThan) continue;
    const summary = pastSummary(earlier);
    if (summary && draft.sumUp(summary)) break;
    const past = pastTurn(earlier);
    if (past && !draft.add(past)) break;
  }
  return draft.finish();
}

/** The last summary of a conversation; empty when there is none. */
export async function lastSummary(runs: Runs, tenant: string, line: ConversationState | undefined): Promise<string> {
  for (const id of newestFirst(line)) {
    const earlier = await ended(runs, tenant, id);
    const text = earlier ? summaryOf(earlier) || earlier.summary : '';
    if (text !== '') return text;
  }
  return '';
}

const newestFirst = (line: ConversationState | undefined): string[] => [...(line?.past ?? [])].reverse();

/** A run that had the turn. It has ended, so a memory that says otherwise, or that waits for its summary, may be behind. */
async function ended(runs: Runs, tenant: string, id: string): Promise<FoldedRun | undefined> {
  const known = runs.peek(tenant, id);
  if (known && isEnded(known) && !isSummingUp(known)) return known;
  // What cannot be read is left out.
  return (await ifReadable(runs.refresh(tenant, id)))?.state;
}
