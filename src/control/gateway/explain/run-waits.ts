// Why a run as a whole does not go on: one row for each reason, the first that fits is told. Pure.
import { type FoldedRun, isEnded, openJobs } from '../../orchestrator/run/state.ts';
import type { WaitReason, World } from './wait.ts';

export interface RunSubject {
  readonly run: FoldedRun;
  readonly world: World;
}

/** Reasons of outcomes behind which a budget or a most cost stands. */
const MONEY: ReadonlySet<string> = new Set(['BUDGET_EXCEEDED', 'ASK_COST_MET']);

export const RUN_WAITS: readonly WaitReason<RunSubject>[] = [
  {
    reason: 'BUDGET',
    of: ({ run }) => {
      const failure = run.outcome?.failure;
      if (!isEnded(run) || !failure || !MONEY.has(failure.reason)) return undefined;
      return {
        waitsFor: `It has ended, because ${failure.message}.`,
        since: run.endedAt,
        act: 'See what is left with `bowline budgets ls`, make room, then ask again.',
      };
    },
  },
  {
    reason: 'ENDED',
    of: ({ run }) => {
      if (!isEnded(run)) return undefined;
      const failure = run.outcome?.failure;
      return {
        waitsFor: `It has ended${failure ? `, because ${failure.message}` : ' and waits for nothing'}.`,
        since: run.endedAt,
        act: `See how it ended with \`bowline runs show ${run.id}\`.`,
      };
    },
  },
  {
    reason: 'CONVERSATION_TURN',
    of: ({ run, world: { before } }) => {
      if (run.phase !== 'waiting') return undefined;
      const seen = before && `; see what that one waits for with \`bowline runs explain ${before}\``;
      return {
        waitsFor: `It waits for the run before it in its conversation${before && `, ${before}`}.`,
        since: run.createdAt,
        act: before
          ? `Wait for it, or end it with \`bowline runs cancel ${before}\`${seen}.`
          : `Wait for it, or see the runs of the conversation with \`bowline runs ls -c ${run.conversation}\`.`,
      };
    },
  },
  {
    reason: 'NEXT_DECISION',
    of: ({ run }) =>
      openJobs(run).length > 0
        ? undefined
        : {
            waitsFor: 'It waits for its next decision.',
            since: run.startedAt,
            act: `That comes at once; watch it with \`bowline runs watch ${run.id}\`.`,
          },
  },
];
