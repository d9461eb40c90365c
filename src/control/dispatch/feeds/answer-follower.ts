// What a replica tells a new follower of a run on another replica: that there is a newer version, what
// it waits for, who runs the job, and its text from where the follower has it.
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { Attempt } from '../attempts/attempts.ts';
import { type Followed, SIGNAL_BYTES, type SignalBody } from '../signals/signals.ts';

export interface AnswerParts {
  readonly runs: Pick<Orchestrator, 'versionKnown'>;
  /** The attempt of a job that runs here. */
  readonly attempt: (tenant: string, job: string) => Attempt | undefined;
  /** What jobs of a run wait for because of this replica. */
  readonly waits: (tenant: string, run: string) => readonly { job: string; what: string }[];
}

export function answerFollower(parts: AnswerParts): (followed: Followed, reply: (signal: SignalBody) => void) => void {
  return ({ tenant, run, version, job, epoch, offset }, reply) => {
    const known = parts.runs.versionKnown(tenant, run);
    if (known > version) reply({ case: 'changed', value: BigInt(known) });
    for (const value of parts.waits(tenant, run)) reply({ case: 'waits', value });
    const attempt = job === '' ? undefined : parts.attempt(tenant, job);
    if (!attempt || attempt.epoch !== epoch) return;
    const { text, targetName } = attempt;
    reply({ case: 'running', value: { job, epoch: BigInt(epoch), targetName } });
    for (const piece of text.pieces(offset, SIGNAL_BYTES)) {
      reply({ case: 'text', value: { job, epoch: BigInt(epoch), offset: BigInt(piece.offset), text: piece.text } });
    }
  };
}
