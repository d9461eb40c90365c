// The sandbox from end to end: a real worker serves it to a control plane, a client calls it through the mesh.
import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Language,
  LimitMet,
  type RunResponse,
  SandboxService,
} from '../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { workerSettings } from '../../src/worker/program/config.ts';
import { type RunningWorker, startWorker } from '../../src/worker/program/start-worker.ts';
import { whyNotIsolated } from '../support/bubblewrap.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';

const lacks = await whyNotIsolated();

describe.skipIf(lacks !== undefined)(
  `the sandbox in the mesh${lacks === undefined ? '' : ` (skipped: ${lacks})`}`,
  () => {
    let control: TestControl;
    let worker: RunningWorker;
    beforeAll(async () => {
      control = await TestControl.start();
      worker = await startWorker({
        home: control.home,
        dial: { control: control.url, key: control.control.workerKey, pins: [control.control.publicKey] },
        serve: ['sandbox'],
        name: 'box',
        settings: workerSettings(),
        clock: systemClock,
        log: silentLogger,
      });
      await worker.ready;
    });
    afterAll(async () => {
      await worker?.drain(1000);
      await control?.close();
    });

    const client = () => control.client(SandboxService);
    async function collect(responses: AsyncIterable<RunResponse>) {
      let out = '';
      for await (const { event } of responses) {
        if (event.case === 'output') out += Buffer.from(event.value.data).toString();
        else if (event.case === 'exit') return { out, exit: event.value };
      }
      throw new Error('no exit');
    }

    test('a program is a job: its output streams, its files come back', async () => {
      const code = 'import json; print("部分", flush=True); json.dump({"月": 1}, open("out.json", "w"))';
      const { out, exit } = await collect(client().run({ language: Language.PYTHON, code, outputs: ['*.json'] }));
      expect(out).toBe('部分\n');
      expect(exit).toMatchObject({ code: 0, files: [{ path: 'out.json' }] });
    });

    test('a program that runs longer than its caller waits still gives its output, its files and how it ended', async () => {
      const code = 'echo part; echo file > f; sleep 300';
      const { out, exit } = await collect(
        client().run({ language: Language.SHELL, code, outputs: ['*'] }, { timeoutMs: 5_000 }),
      );
      expect(out).toBe('part\n');
      expect(exit).toMatchObject({ limit: LimitMet.TIME, files: [{ path: 'f' }] });
    });

    test('the most that may come back fits into a result', async () => {
      const code = `head -c 1000000 /dev/zero | tr '\\0' 'x'; for i in $(seq 70); do head -c 40000 /dev/zero > f$i; done
i=0; while [ $i -lt 300 ]; do ln -s x $(printf 'l%0200d' $i); i=$((i+1)); done`;
      const { out, exit } = await collect(
        client().run({
          language: Language.SHELL,
          code: code.replace('2000000', '1000000').replace('sleep 60', ''),
          outputs: ['*'],
        }),
      );
      expect(out).toHaveLength(1_000_000);
      expect(exit.code).toBe(0);
      expect(exit.files.length).toBeGreaterThan(60);
      expect(exit.skipped.length).toBeGreaterThan(100);
    });

    test('what is refused names its reason', async () => {
      const file = { path: '../x', body: { case: 'text' as const, value: '' } };
      const refusals = [{ files: [file] }, { args: ['a', 'b\0c'] }];
      for (const more of refusals) {
        expect(await refusal(client().run({ language: Language.SHELL, code: 'true', ...more }))).toMatchObject({
          code: 'InvalidArgument',
          reason: 'SANDBOX_FILE_REFUSED',
        });
      }
    });

    test('a caller that leaves ends the program', async () => {
      const leaving = new AbortController();
      const responses = client().run(
        { language: Language.SHELL, code: 'echo on; sleep 300' },
        { signal: leaving.signal },
      );
      const reading = responses[Symbol.asyncIterator]();
      await reading.next();
      leaving.abort();
      await expect(reading.next()).rejects.toSatisfy((error) => ConnectError.from(error).code === Code.Canceled);
    });

    test('programs that flood, fork and hog do not end the session that they came by', async () => {
      const limits = { timeout: { seconds: 2n, nanos: 0 }, memoryBytes: 128n << 20n, processes: 32 };
      const codes = ['yes', 'f() { f | f & }; f; sleep 60', 'while :; do :; done', 'cat /dev/zero > x'];
      const ends = await Promise.all(
        codes.map(async (code) => (await collect(client().run({ language: Language.SHELL, code, limits }))).exit),
      );
      for (const { limit } of ends) expect(limit).not.toBe(LimitMet.UNSPECIFIED);
      expect(worker.connected()).toBe(true);
      await eventually(
        async () => (await collect(client().run({ language: Language.SHELL, code: 'echo ok' }))).out === 'ok\n',
      );
    });
  },
);
