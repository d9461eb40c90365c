import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Language, RunRequestSchema } from '../../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { findRuntimes } from './languages.ts';
import { planRun } from './plan-run.ts';
import { SANDBOX_DEFAULTS } from './sandbox-settings.ts';

const runtimes = await findRuntimes('/node/of/the/worker');
const plan = (more: Omit<MessageInitShape<typeof RunRequestSchema>, '$typeName'>, timeLeftMs = 1e6) =>
  planRun(
    create(RunRequestSchema, { language: Language.SHELL, code: 'true', ...more }),
    runtimes,
    SANDBOX_DEFAULTS,
    timeLeftMs,
  );
const file = (path: string, value = 'x') => ({ path, body: { case: 'text' as const, value } });
const refusal = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

test('limits are those of the worker unless a request lowers them', () => {
  const { wallMs, cpuMs, memoryBytes, processes, outputBytes, diskBytes } = SANDBOX_DEFAULTS;
  expect(plan({}).spec.limits).toEqual({ wallMs, cpuMs, memoryBytes, processes, outputBytes, diskBytes });
  const most = { seconds: 10n ** 9n, nanos: 0 };
  const huge = { timeout: most, cpu: most, memoryBytes: 2n ** 60n, processes: 2 ** 31, outputBytes: 2n ** 60n };
  expect(plan({ limits: huge }).spec.limits.memoryBytes).toBe(memoryBytes);
  expect(plan({ limits: huge }).spec.limits).toEqual(plan({}).spec.limits);
  expect(plan({ limits: { timeout: { seconds: -5n, nanos: 0 } } }).spec.limits.wallMs).toBe(wallMs);
  expect(plan({ limits: { processes: 3, timeout: { seconds: 2n, nanos: 0 } } }).spec.limits).toMatchObject({
    processes: 3,
    wallMs: 2000,
  });
});

test('what no interpreter can start with is raised to what it can', () => {
  const { limits } = plan({ limits: { memoryBytes: 1n, diskBytes: 1n, cpu: { seconds: 0n, nanos: 1e6 } } }).spec;
  expect(limits).toMatchObject({ memoryBytes: 32 << 20, diskBytes: 256 << 10, cpuMs: 1 });
});

test('it ends before the deadline of its job', () => {
  expect(plan({}, 700).spec.limits.wallMs).toBe(700);
  expect(plan({}, -5).spec.limits.wallMs).toBe(1);
});

test.each([
  ['a file above its folder', { files: [file('ok'), file('../x')] }, 'file 2'],
  ['an absolute path', { files: [file('/etc/passwd')] }, 'file 1'],
  ['two files at one path', { files: [file('a'), file('a')] }, 'file 2'],
  ['a file where another has its folder', { files: [file('a/b'), file('a')] }, 'file 1'],
  ['a file in place of the program', { files: [file('main.sh')] }, 'file 1'],
  [
    'files that do not fit',
    { files: [file('a', 'x'.repeat(300_000))], limits: { diskBytes: 1n } },
    'the sum of all files',
  ],
  ['a pattern above its folder', { outputs: ['../*'] }, 'output pattern 1'],
])('refused: %s', (_, request, which) => {
  const error = refusal(() => plan(request));
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({ reason: 'SANDBOX_FILE_REFUSED', metadata: { which } });
  expect((error as AppError).message).not.toContain('passwd');
});

test('a language that is not there is named with those that are', () => {
  const without = { ...runtimes, of: new Map([...runtimes.of].filter(([language]) => language !== Language.PYTHON)) };
  const request = create(RunRequestSchema, { language: Language.PYTHON, code: 'x' });
  expect(refusal(() => planRun(request, without, SANDBOX_DEFAULTS, 1000))).toMatchObject({
    reason: 'LANGUAGE_UNKNOWN',
    message: 'this worker does not run Python; it runs JavaScript, shell',
  });
});
