// Why a job is not done: one row for each reason, in the order in which they count; the first that fits is told. Pure.
// A new reason is a new row, before the rows that it comes before.
import { isHeld } from '../../orchestrator/run/state.ts';
import type { JobSubject, Wait, WaitReason } from './wait.ts';
import { WORKER_WAITS } from './worker-waits.ts';

const orCancel = ({ run }: JobSubject): string => `end it with \`bowline runs cancel ${run.id}\``;

const deviceName = ({ run, job }: JobSubject): string =>
  job.device === run.device && run.deviceName ? run.deviceName : job.device;

const STOPPING: WaitReason<JobSubject> = {
  reason: 'STOPPING',
  of: ({ run, job }) => {
    if (job.phase !== 'cancelling') return undefined;
    const who = job.target === 'device' ? 'its device' : 'its worker';
    return {
      waitsFor: `It is being stopped; ${who} has not yet said what became of it.`,
      since: job.cancellingAt,
      underWay: true,
      act: `It ends by itself; watch it with \`bowline runs watch ${run.id}\`.`,
    };
  },
};

const retrying = ({ job }: JobSubject): boolean => job.phase === 'retrying';

const PROVIDER_RATE: WaitReason<JobSubject> = {
  reason: 'PROVIDER_RATE',
  of: (subject): Wait | undefined => {
    const { job } = subject;
    if (!retrying(subject) || job.lastFailure?.reason !== 'PROVIDER_RATE_LIMITED') return undefined;
    return {
      waitsFor: 'It waits because the provider of the model takes no more calls now.',
      since: job.phaseAt,
      until: job.dueAt,
      act: `It is tried again by itself; use another model (\`bowline models ls\`), or ${orCancel(subject)}.`,
    };
  },
};

const BACKOFF: WaitReason<JobSubject> = {
  reason: 'BACKOFF',
  of: (subject): Wait | undefined => {
    const { job } = subject;
    if (!retrying(subject)) return undefined;
    return {
      waitsFor: `It waits before attempt ${job.attempts + 1}; the last one failed.`,
      since: job.phaseAt,
      until: job.dueAt,
      act: `It is tried again by itself, or ${orCancel(subject)}.`,
    };
  },
};

const APPROVAL: WaitReason<JobSubject> = {
  reason: 'APPROVAL',
  of: (subject) => {
    const { job } = subject;
    if (job.target !== 'device' || !isHeld(job)) return undefined;
    const name = deviceName(subject);
    return {
      waitsFor: `It waits for the owner’s yes on ${name}; \`bowline approvals ls\` there shows it.`,
      since: job.heldAt,
      until: job.heldUntil,
      act: `On ${name}, see it with \`bowline approvals ls\` and answer it there.`,
    };
  },
};

const DEVICE_GONE: WaitReason<JobSubject> = {
  reason: 'DEVICE_GONE',
  of: (subject) => {
    const { job, world } = subject;
    if (job.target !== 'device' || world.devices.has(job.device)) return undefined;
    return {
      waitsFor: `It waits for the device ${deviceName(subject)}, which was removed and will not come back.`,
      since: job.phaseAt,
      never: true,
      act: `Nobody can serve it: ${orCancel(subject)}.`,
    };
  },
};

const DEVICE_AWAY: WaitReason<JobSubject> = {
  reason: 'DEVICE_AWAY',
  of: (subject) => {
    const { job, world } = subject;
    if (job.target !== 'device' || world.devices.get(job.device)?.connected) return undefined;
    const name = deviceName(subject);
    return {
      waitsFor: `It waits for the device ${name}, which is not connected.`,
      // Whichever came later: before that it had another reason.
      since: Math.max(world.devices.get(job.device)?.lastSeen ?? 0, job.phaseAt),
      act: `On ${name}, start its edge with \`bowline edge\`, or see what is wrong with \`bowline doctor\`.`,
    };
  },
};

const ON_DEVICE: WaitReason<JobSubject> = {
  reason: 'ON_DEVICE',
  of: (subject) =>
    subject.job.target === 'device'
      ? {
          waitsFor: `It runs on the device ${deviceName(subject)}.`,
          since: subject.job.startedAt ?? subject.job.phaseAt,
          underWay: true,
          act: `Wait for it, or ${orCancel(subject)}.`,
        }
      : undefined,
};

const ON_WORKER: WaitReason<JobSubject> = {
  reason: 'ON_WORKER',
  of: (subject) =>
    subject.job.phase === 'running'
      ? {
          waitsFor: `It runs on ${subject.job.targetName || 'a worker'}.`,
          since: subject.job.phaseAt,
          underWay: true,
          act: `Wait for it, or ${orCancel(subject)}.`,
        }
      : undefined,
};

/** What is left at the end: jobs for workers that nobody has taken. */
export const JOB_WAITS: readonly WaitReason<JobSubject>[] = [
  STOPPING,
  PROVIDER_RATE,
  BACKOFF,
  APPROVAL,
  DEVICE_GONE,
  DEVICE_AWAY,
  ON_DEVICE,
  ON_WORKER,
  ...WORKER_WAITS,
];
