// What a run or job waits for, in lines for people. The last line tells what to do. Pure.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ExplainRunResponse, JobExplanation } from '../../gen/bowline/control/v1/run_service_pb.ts';
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
