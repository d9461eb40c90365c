// Ids and parents of a worker's spans, their bound, and that nothing is made for nobody.
import { expect, test } from 'vitest';
import { AppError } from '../../base/errors.ts';
import { attemptSpan, type SpanData, traceOf } from '../../base/telemetry/span-data.ts';
import { inSpan, JobSpans } from './spans.ts';

const RUN = '0197a6c0-0000-7000-8000-000000000001';
const JOB = { run: RUN, job: `${RUN}/1/0`, epoch: 3, method: 'pkg.v1.Service/Method' };

function told(now = () => 5) {
  const spans: SpanData[] = [];
  return { spans, job: new JobSpans(JOB, { now }, (span) => spans.push(span)) };
}

test('what was done lies below its attempt, and each call below that, with the reason of its failure', async () => {
  let at = 5;
  const { spans, job } = told(() => at++);
  await inSpan(job.part('one', { a: 1 }), async () => 'x');
  await expect(inSpan(job.part('two'), async () => Promise.reject(new AppError('CANCELED')))).rejects.toMatchObject({
    reason: 'CANCELED',
  });
  job.end('LIMIT_EXCEEDED');
  const [one, two, work] = spans;
  expect(work).toMatchObject({
    name: 'work pkg.v1.Service/Method',
    trace: traceOf(RUN),
    parent: attemptSpan(JOB.job, 3),
    failed: 'LIMIT_EXCEEDED',
    start: 5,
    end: 10,
  });
  expect([one, two].map((span) => [span?.parent, span?.failed])).toEqual([
    [work?.id, undefined],
    [work?.id, 'CANCELED'],
  ]);
  expect(new Set(spans.map(({ id }) => id)).size).toBe(3);
  expect(one?.attributes).toEqual({ a: 1 });
});

test('the calls of one job that are told are bounded', () => {
  const { spans, job } = told();
  for (let n = 0; n < 1_000; n++) job.part('page')();
  expect(spans).toHaveLength(64);
});

test('without somebody who takes them no clock is read and nothing is made', () => {
  const clock = {
    now: () => {
      throw new Error('read');
    },
  };
  const job = new JobSpans(JOB, clock, undefined);
  job.part('x')();
  job.end(undefined);
});
