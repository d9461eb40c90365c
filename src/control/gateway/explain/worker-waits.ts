// Why a job for workers that nobody has taken waits, with each candidate. Pure; workers of other tenants do not appear in it.
import { explain } from '../../routing/explain.ts';
import { misfit } from '../../routing/fit.ts';
import { type JobNeed, serves, type WorkerView } from '../../routing/worker-view.ts';
import type { JobSubject, Wait, WaitReason } from './wait.ts';

/** Workers named in one answer. */
const MOST = 50;

function needOf({ run, job }: JobSubject): JobNeed {
  const slash = job.method.indexOf('/');
  const service = job.method.slice(0, slash);
  return {
    capability: service.slice(0, service.lastIndexOf('.')),
    method: job.method.slice(slash + 1),
    tenant: run.tenant,
    selector: job.selector,
    recipients: job.recipients,
    slots: job.slots,
  };
}

/** `llm` of `bowline.capability.llm.v1`, as `worker --serve` takes it. */
const shortName = ({ capability }: JobNeed): string => capability.split('.').at(-2) ?? capability;

function candidatesOf(need: JobNeed, { world }: JobSubject): NonNullable<Wait['candidates']> {
  return world.workers
    .filter((worker) => serves(worker, need.tenant))
    .slice(0, MOST)
    .map((worker) => ({ name: worker.name, whyNot: misfit(need, worker)?.why ?? '' }));
}

/** Nobody who is connected could ever serve it. */
const NO_WORKER: WaitReason<JobSubject> = {
  reason: 'NO_WORKER',
  of: (subject) => {
    const need = needOf(subject);
    const { never, summary } = explain(need, subject.world.workers);
    if (!never) return undefined;
    return {
      waitsFor: summary,
      since: subject.job.phaseAt,
      never: true,
      candidates: candidatesOf(need, subject),
      act: `Start a worker that can: \`bowline worker --serve ${shortName(need)}\`; who is connected: \`bowline workers ls\`.`,
    };
  },
};

/** Pools that could serve it and have no worker yet; none where a worker that is there could serve it, too. */
function startingFor(need: JobNeed, { world }: JobSubject): readonly WorkerView[] {
  const able = world.workers.filter((worker) => serves(worker, need.tenant) && !misfit(need, worker)?.permanent);
  return able.every(({ starting }) => starting) ? able : [];
}

/** A declared pool has had its time and has no worker. */
const POOL_LATE: WaitReason<JobSubject> = {
  reason: 'POOL_LATE',
  of: (subject) => {
    const { job, world } = subject;
    const need = needOf(subject);
    const [first] = startingFor(need, subject);
    if (!first || world.now - job.phaseAt < world.poolStartMs) return undefined;
    const minutes = Math.floor((world.now - job.phaseAt) / 60_000);
    return {
      waitsFor: `It has waited ${minutes} min for ${first.name}, which does not start.`,
      since: job.phaseAt,
      candidates: candidatesOf(need, subject),
      act: `See why its scaler starts no worker, or start one with a key of that pool: \`bowline worker --serve ${shortName(need)}\`.`,
    };
  },
};

const POOL_STARTING: WaitReason<JobSubject> = {
  reason: 'POOL_STARTING',
  of: (subject) => {
    const need = needOf(subject);
    if (startingFor(need, subject).length === 0) return undefined;
    return {
      waitsFor: explain(need, subject.world.workers).summary,
      since: subject.job.phaseAt,
      candidates: candidatesOf(need, subject),
      act: 'Wait until a worker of it connects; `bowline workers ls` shows who has.',
    };
  },
};

/** A worker that was to leave gave it back, and no other has room. */
const PREEMPTED: WaitReason<JobSubject> = {
  reason: 'PREEMPTED',
  of: (subject) => {
    const { handedBackBy, phaseAt } = subject.job;
    const need = needOf(subject);
    const candidates = candidatesOf(need, subject);
    if (handedBackBy === '' || candidates.some(({ whyNot }) => whyNot === '')) return undefined;
    return {
      waitsFor: `${handedBackBy}; that counts as no failure. ${explain(need, subject.world.workers).summary}`,
      since: phaseAt,
      candidates,
      act: `Wait for a free slot, or add a worker that stays: \`bowline worker --serve ${shortName(need)}\`.`,
    };
  },
};

/** Some could, and have no room. */
const BUSY: WaitReason<JobSubject> = {
  reason: 'BUSY',
  of: (subject) => {
    const need = needOf(subject);
    const candidates = candidatesOf(need, subject);
    if (candidates.some(({ whyNot }) => whyNot === '')) return undefined;
    return {
      waitsFor: explain(need, subject.world.workers).summary,
      since: subject.job.phaseAt,
      candidates,
      act: `Wait for a free slot, or add a worker: \`bowline worker --serve ${shortName(need)}\`.`,
    };
  },
};

const READY: WaitReason<JobSubject> = {
  reason: 'READY',
  of: (subject) => {
    const need = needOf(subject);
    return {
      waitsFor: explain(need, subject.world.workers).summary,
      since: subject.job.phaseAt,
      underWay: true,
      candidates: candidatesOf(need, subject),
      act: 'It begins at once; if it does not, see what is wrong with `bowline status`.',
    };
  },
};

/** The last one always answers. */
export const WORKER_WAITS: readonly WaitReason<JobSubject>[] = [
  NO_WORKER,
  POOL_LATE,
  POOL_STARTING,
  PREEMPTED,
  BUSY,
  READY,
];
