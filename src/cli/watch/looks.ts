// Messages of the two APIs as the values that the picture is made of. Pure.
import { durationMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { Device } from '../../../gen/bowline/control/v1/device_service_pb.ts';
import type { Run } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import {
  type GetStatusResponse as ControlStatus,
  DatabaseKindSchema,
} from '../../../gen/bowline/control/v1/status_service_pb.ts';
import type { Worker } from '../../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import {
  ConnectionSchema,
  type GetStatusResponse as EdgeStatus,
  type QueuedAsk,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { SensitivitySchema } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { type Egress, type Job, JobStateSchema, RunState, RunStateSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { fromFailure } from '../../contract/errors.ts';
import { waitingText } from '../approvals/approval-view.ts';
import { askedTime } from '../asked-time.ts';
import { egressName, groupedEgress } from '../egress-text.ts';
import { shortMethod } from '../job-text.ts';
import { shortPackage } from '../manifest-text.ts';
import { mayReadText } from '../may-read.ts';
import { enumText } from '../plain.ts';
import { modelText } from '../run-printer.ts';
import type { BoxLook, ControlLook, Crossing, JobLook, RunDetail, RunLook, WorkerLook } from './model.ts';
import { NEEDS_YES } from './texts.ts';

type Failure = Parameters<typeof fromFailure>[0];

const msOf = (time: Timestamp | undefined): number | undefined =>
  time && Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6);

function failureText(failure: Failure | undefined): string[] {
  if (!failure) return [];
  const { message, reason } = fromFailure(failure);
  return [`${message} (${reason})`];
}

/** What stands in the way of answers, the worst first: the same list that `status` shows. */
const conditionTexts = ({
  conditions,
}: {
  readonly conditions: readonly { readonly why?: Failure | undefined }[];
}): string[] => conditions.flatMap(({ why }) => failureText(why));

const once = (texts: readonly string[]): string[] => [...new Set(texts)];

export function boxLook(status: EdgeStatus): BoxLook {
  return {
    name: status.deviceName,
    connection: enumText(ConnectionSchema, status.connection),
    model: status.model ? modelText({ ...status.model, note: '' }) : 'unknown',
    mayRead: mayReadText(status),
    waitingAsks: status.waitingAsks,
    toolCalls: Number(status.toolCalls),
    memoryBytes: Number(status.residentBytes),
    waitingYes: waitingText(status.pendingApprovals),
    problems: once([...conditionTexts(status), ...failureText(status.problem), ...failureText(status.clockDoubt)]),
  };
}

export function controlLook(where: string, status: ControlStatus): ControlLook {
  const database = enumText(DatabaseKindSchema, status.database);
  const children = status.children.flatMap(({ name, running, lastEnd, missing }) => [
    ...(running ? [] : [`${name} does not run${lastEnd ? `: ${lastEnd}` : ''}`]),
    ...missing.map((what) => `${name}: ${what}`),
  ]);
  return {
    where,
    database,
    devices: status.devices,
    workers: status.workers,
    openRuns: status.openRuns,
    waitingJobs: status.waitingJobs,
    memoryBytes: Number(status.residentBytes),
    problems: once([
      ...conditionTexts(status),
      ...(status.databaseOk ? [] : [`${database} takes no writes or does not answer`]),
      ...(status.stopped ? [status.stopped] : []),
      ...children,
    ]),
  };
}

export function workerLook({ name, manifest, models, busy, slots, draining }: Worker): WorkerLook {
  const serves = (manifest?.capabilities ?? []).map((capability) => shortPackage(capability.package));
  return { name, serves, models: models.map((model) => modelText({ ...model, note: '' })), busy, slots, draining };
}

export const deviceNames = (devices: readonly Device[]): ReadonlyMap<string, string> =>
  new Map(devices.map(({ id, name }) => [id, name]));

export function runLook(run: Run, names: ReadonlyMap<string, string>): RunLook {
  return {
    id: run.id,
    state: run.setAside
      ? 'set aside'
      : run.waitsForOwner
        ? 'approval'
        : enumText(RunStateSchema, run.state).replaceAll('_', ' '),
    isOpen: run.state === RunState.WAITING || run.state === RunState.RUNNING,
    device: names.get(run.device) ?? run.device,
    text: shortMethod(run.text),
    asked: msOf(askedTime(run)) ?? 0,
    ended: msOf(run.endTime),
  };
}

/** Runs of the control plane, and before them the asks that only the box knows. Newest first. @param asks runs that wait for the owner's yes, as the box knows them */
export function allRuns(
  runs: readonly RunLook[],
  queue: readonly QueuedAsk[],
  device: string,
  asks: ReadonlySet<string>,
): RunLook[] {
  const known = new Set(runs.map(({ id }) => id));
  const waiting = queue
    .filter(({ run }) => !known.has(run))
    .map((ask) => ({
      id: ask.run,
      state: ask.sent ? 'sent' : 'not sent',
      isOpen: true,
      device,
      text: ask.text,
      asked: msOf(ask.createTime) ?? 0,
      ended: undefined,
    }));
  return [...waiting, ...runs]
    .map((run) => (run.isOpen && asks.has(run.id) ? { ...run, state: NEEDS_YES } : run))
    .sort((one, other) => other.asked - one.asked);
}

export const crossings = (entries: readonly Egress[]): Crossing[] =>
  groupedEgress(entries).map(({ entry, fields, bytes }) => ({
    at: msOf(entry.createTime) ?? 0,
    path: egressName(entry),
    fields,
    kind: enumText(SensitivitySchema, entry.sensitivity),
    bytes: Number(bytes),
    to: entry.recipients,
    run: entry.run,
  }));

/** @param left what the ledger of the box says; undefined where it cannot be asked, then what the control plane knows */
export function runDetail(
  run: Run,
  names: ReadonlyMap<string, string>,
  waitsFor: string,
  left: readonly Egress[] | undefined,
): RunDetail {
  const jobs = run.jobs.length > 0 ? run.jobs : (run.outcome?.jobs ?? []);
  return {
    run: runLook(run, names),
    jobs: jobs.map(jobLook),
    waitsFor,
    answer: run.outcome?.answer ?? '',
    left: crossings(left ?? run.egress),
  };
}

function jobLook(job: Job): JobLook {
  return {
    method: shortMethod(job.method),
    target: job.target,
    state: enumText(JobStateSchema, job.state),
    attempts: job.attempts,
    tookMs: job.elapsed && durationMs(job.elapsed),
    problem: job.failure?.reason ?? '',
  };
}
