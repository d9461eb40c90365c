// What a run gives back, in real isolation. Hostile programs are in test/security/sandbox.test.ts.
import { create } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  Language,
  LimitMet,
  RunRequestSchema,
  type RunResponse,
  RunResponseSchema,
} from '../../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { whyNotIsolated } from '../../../../test/support/bubblewrap.ts';
import { aliveWith, openHere, type RunInit, runProgram, sandboxOver } from '../../../../test/support/sandbox.ts';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { validate } from '../../../contract/validate.ts';
import type { Handler, HandlerContext } from '../../kit/handler.ts';
import { loneContext } from '../../kit/lone-context.ts';
import { workerSettings } from '../../program/config.ts';
import { openSandbox } from './open-sandbox.ts';

type Run = (request: object, context: HandlerContext) => AsyncIterable<RunResponse>;

const lacks = await whyNotIsolated();

describe.skipIf(lacks !== undefined)(`the sandbox${lacks === undefined ? '' : ` (skipped: ${lacks})`}`, () => {
  let sandbox: Handler;
  let bounded: boolean;
  beforeAll(async () => {
    const isolation = await openHere(true);
    bounded = isolation.facts.cgroup !== undefined;
    sandbox = await sandboxOver(isolation);
  });
  const run = (request: RunInit) => runProgram(sandbox, request);
  const text = (path: string, value: string) => ({ path, body: { case: 'text' as const, value } });

  test.each([
    [
      'JavaScript',
      Language.JAVASCRIPT,
      `import { readFileSync, writeFileSync } from 'node:fs';
import 甲 from './数据/模块.mjs';
const 名 = readFileSync('数据/输入.txt', 'utf8');
process.stdin.on('data', (d) => { console.log('你好，' + 名 + d + process.argv[2] + 甲); console.error('错误'); });
writeFileSync('结果.txt', '月亮' + 名);`,
    ],
    [
      'Python',
      Language.PYTHON,
      `import sys
名 = open('数据/输入.txt').read()
print('你好，' + 名 + sys.stdin.read() + sys.argv[1] + '!'); print('错误', file=sys.stderr)
open('结果.txt', 'w').write('月亮' + 名)`,
    ],
    [
      'shell',
      Language.SHELL,
      `名=$(cat 数据/输入.txt)
echo "你好，$名$(cat)$1!" 2>/dev/null || echo "你好，$(cat 数据/输入.txt)$(cat)$1!"; echo 错误 >&2
printf '月亮%s' "$(cat 数据/输入.txt)" > 结果.txt`,
    ],
  ])('%s: code, files, input, arguments and output in any script', async (_, language, code) => {
    const files = [text('数据/输入.txt', '世界'), text('数据/模块.mjs', 'export default "!";')];
    // A shell has no such names for variables.
    const portable = language === Language.SHELL ? code.replaceAll('名', 'n') : code;
    const { out, err, exit } = await run({
      language,
      code: portable,
      files,
      stdin: '，',
      args: ['再见'],
      outputs: ['*.txt'],
    });
    expect({ out, err }).toEqual({ out: '你好，世界，再见!\n', err: '错误\n' });
    expect(exit).toMatchObject({ code: 0, limit: LimitMet.UNSPECIFIED, outputTruncated: false, skipped: [] });
    expect(exit.files).toMatchObject([{ path: '结果.txt', body: { case: 'text', value: '月亮世界' } }]);
  });

  test('a program that fails is a result', async () => {
    const failed = await run({ language: Language.JAVASCRIPT, code: 'throw new Error("no")' });
    expect(failed.exit).toMatchObject({ code: 1, signal: '', limit: LimitMet.UNSPECIFIED });
    expect(failed.err).toContain('Error: no');
    const wrong = await run({ language: Language.PYTHON, code: 'syntax error' });
    expect(wrong.exit.code).toBe(1);
    expect(wrong.err).toContain('SyntaxError');
  });

  test('output comes while the program runs', async () => {
    const seen: string[] = [];
    const code = 'echo first; sleep 0.3; echo second; sleep 0.3; echo third';
    const { responses } = await run({ language: Language.SHELL, code });
    for (const { event } of responses) seen.push(event.case === 'output' ? String(Buffer.from(event.value.data)) : '.');
    expect(seen).toEqual(['first\n', 'second\n', 'third\n', '.']);
  });

  test('time, memory and processor are told', async () => {
    const { exit } = await run({
      language: Language.PYTHON,
      code: 'import time\na = bytearray(b"x" * 50000000)\nfor i in range(3000000): pass\ntime.sleep(0.1)',
    });
    expect(exit.wall).toBeDefined();
    expect(Number(exit.peakMemoryBytes)).toBeGreaterThan(50_000_000);
    if (bounded) expect(exit.cpu && Number(exit.cpu.seconds) * 1e9 + exit.cpu.nanos).toBeGreaterThan(1e7);
  });

  test('every message keeps to its contract', async () => {
    const { responses } = await run({
      language: Language.SHELL,
      code: 'yes | head -c 200000; ln -s / x; echo > y; kill -9 $$',
      outputs: ['*'],
    });
    for (const response of responses) expect(() => validate(RunResponseSchema, response)).not.toThrow();
    expect(responses.at(-1)?.event.case).toBe('exit');
  });

  test('who stops listening stops the program', async () => {
    const mark = `listening-${process.pid}-${Math.random().toString(36).slice(2)}`;
    const request = { language: Language.SHELL, code: 'echo on; sleep 300', args: [mark] };
    const method = sandbox.methods.Run as unknown as Run;
    const reading = method(create(RunRequestSchema, request), loneContext())[Symbol.asyncIterator]();
    expect(await reading.next()).toMatchObject({ done: false });
    expect(aliveWith(mark)).not.toEqual([]);
    await reading.return?.();
    expect(aliveWith(mark)).toEqual([]);
  });

  test('it opens with its defaults, and not where bubblewrap is missing', async () => {
    const parts = { clock: systemClock, log: silentLogger, home: '/', env: {}, settings: workerSettings() };
    expect((await openSandbox(parts)).handler.package).toBe('bowline.capability.sandbox.v1');
    const missing = openSandbox({ ...parts, settings: { ...parts.settings, sandboxBubblewrap: '/nowhere' } });
    await expect(missing).rejects.toMatchObject({ reason: 'SANDBOX_UNAVAILABLE' });
  });
});
