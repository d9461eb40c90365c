// Which tool call ends the edges that get it. An edge that ended while it had a call is told apart from one whose network failed by
// its boot id: another start of it comes back. Pure; it decides nothing about who is sent what.
import type { FoldedJob, FoldedRun } from './state.ts';

/** Starts of the edge that are over, and that had this attempt when they ended. `boot` is the start that is here now. */
export const edgeEnds = (job: FoldedJob, boot: string): number => job.heldBy.filter((each) => each !== boot).length;

/** The edge looked at a call that its owner was asked about without harm, and a yes is not to be lost to a few kills: as many as at the edge. */
const ENDS_OF_HELD = 8;

const mostEnds = ({ limits }: FoldedRun, { holds }: FoldedJob): number =>
  holds > 0 ? Math.max(limits.maxEdgeEnds, ENDS_OF_HELD) : limits.maxEdgeEnds;

/** Whether it is not to be sent again. */
export const endsEdges = (run: FoldedRun, job: FoldedJob, boot: string): boolean =>
  edgeEnds(job, boot) >= mostEnds(run, job);

/** Whether a start is to be recorded: once each, and no more than are ever counted. */
export const isNewEnd = (run: FoldedRun, job: FoldedJob, boot: string): boolean =>
  !job.heldBy.includes(boot) && job.heldBy.length <= mostEnds(run, job);
