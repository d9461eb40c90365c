// What a run or job waits for, in lines for people. The last line tells what to do. Pure.
import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type ExplainRunResponse,
  ExplainRunResponseSchema,
  type JobExplanation,
} from '../../gen/bowline/control/v1/run_service_pb.ts';
import type { QueuedAsk } from '../../gen/bowline/local/v1/local_pb.ts';
import { fromFailure } from '../contract/errors.ts';
import { elapsedText, timeText } from './units.ts';

type Told = Pick<ExplainRunResponse, 'sinceTime' | 'untilTime'>;

export function explanationLines(explained: ExplainRunResponse, now: number): string[] {
  const { summary, jobs, act } = explained;
  const [one, ...others] = jobs;
  const lines = [`waits for: ${summary}`, ...timeLines(explained, now)];
  if (others.length > 0)
    for (const job of jobs) lines.push(`  ${job.job}: ${job.waitsFor}${neverText(job)}`, ...belowJob(job));
  else if (one) {
    if (one.never) lines[0] += neverText(one);
    lines.push(...belowJob(one));
  }
  return act === '' ? lines : [...lines, `what to do: ${act}`];
}

const neverText = ({ never }: JobExplanation): string =>
  never ? ' (no one who is connected could ever serve it)' : '';

function belowJob({ candidates, lastFailure }: JobExplanation): string[] {
  return [
    ...candidates.map(({ name, whyNot }) => `    ${name}: ${whyNot || 'can serve it now'}`),
    ...(lastFailure ? [`    the last attempt failed: ${lastFailure.message} (${lastFailure.reason})`] : []),
  ];
}

function timeLines({ sinceTime, untilTime }: Told, now: number): string[] {
  const since =
    sinceTime && `since: ${timeText(sinceTime)} (${elapsedText(Math.max(now - timestampMs(sinceTime), 0))})`;
  const until = untilTime && `goes on: by itself, at ${timeText(untilTime)} or before`;
  return [since, until].filter((line) => line !== undefined);
}

/** An ask of this box that the control plane does not have, or cannot be asked about. */
export function explainAsk({ run, createTime, failure, cancelling, sent }: QueuedAsk): ExplainRunResponse {
  const withdraw = `\`bowline queue rm ${run}\``;
  if (failure) {
    const summary = `It has ended on this box, because ${fromFailure(failure).message}.`;
    return create(ExplainRunResponseSchema, {
      reason: 'ENDED',
      summary,
      act: `Ask again; ${withdraw} takes it off the list.`,
    });
  }
  const state = sent
    ? 'the control plane has it, and cannot be asked now'
    : cancelling
      ? 'it is withdrawn, and the control plane has not heard of that'
      : 'the control plane does not have it yet';
  return create(ExplainRunResponseSchema, {
    reason: sent ? 'CONTROL_AWAY' : 'ON_BOX',
    summary: `It waits on this box: ${state}.`,
    act: `See what keeps the control plane away with \`bowline status\`, or withdraw it with ${withdraw}.`,
    ...(createTime ? { sinceTime: createTime } : {}),
  });
}

export const explainSensitive = (run: string): ExplainRunResponse =>
  create(ExplainRunResponseSchema, {
    reason: 'SENSITIVE',
    summary: 'It is answered on this box alone; no control plane has it.',
    act: `See how far it is with \`bowline runs show ${run}\`.`,
  });
