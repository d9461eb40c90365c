// Lines about a run, or about one of its jobs, say which trace they are in, whoever writes them.
import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';

const RUN = '0197a6c0-0000-7000-8000-000000000001';
const TRACE = '0197a6c0000070008000000000000001';

test.each([
  ['a run', { run: RUN }],
  ['a job', { job: `${RUN}/1/0` }],
])('a line about %s has run and trace, also by a child', (_what, fields) => {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger('test', { write: (line) => void lines.push(JSON.parse(line)) });
  log.info('x', fields);
  log.error('x', new Error('y'), fields);
  log.child(fields).warn('x');
  log.info('about nothing');
  expect(lines.map(({ run, trace }) => [run, trace])).toEqual([
    ...Array.from({ length: 3 }, () => [RUN, TRACE]),
    [undefined, undefined],
  ]);
  expect(lines[1]).toMatchObject({ err: { message: 'y' } });
});
