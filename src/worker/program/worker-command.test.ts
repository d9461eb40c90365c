// The verb `worker`, as a person types it, with a control plane that is played.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EmbedRequestSchema, EmbedResponseSchema } from '../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { ChatRequestSchema, ChatResponseSchema, Role } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ScriptedControl } from '../../../test/support/scripted-control.ts';
import { WorkerVerbs } from '../../../test/support/worker-verbs.ts';
import { withPin } from '../../base/pin.ts';
import type { WorkerIo } from './worker-io.ts';

const verbs = new WorkerVerbs();
const run = (words: readonly string[], io: Partial<WorkerIo> = {}) => verbs.run(words, io);

/** A file with a worker key for this control plane. */
function keyFileFor({ publicKey }: ScriptedControl): string {
  const file = join(verbs.home, 'worker.key');
  writeFileSync(file, `${withPin('bww_abcaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', publicKey)}\n`, { mode: 0o600 });
  return file;
}

test('`worker --serve embed` says who receives the texts, and answers with lexical vectors', async () => {
  const control = new ScriptedControl();
  const url = await control.listen();
  const keyFile = keyFileFor(control);
  let stop = (_why: string) => {};
  const stopping = () => new Promise<string>((resolve) => (stop = resolve));
  try {
    const words = ['worker', '--serve', 'embed', '--control', url, '--key-file', keyFile, '--name', 'w'];
    const running = run(words, { stopping });
    const session = (await control.session()).welcome();
    expect(session.hello.models).toMatchObject([{ provider: 'lexical', local: true }]);
    const params = toBinary(EmbedRequestSchema, create(EmbedRequestSchema, { texts: ['发布日期', 'launch'] }));
    session.assign({ dispatchId: 'r/0/0-1', method: 'bowline.capability.embed.v1.EmbedService/Embed', params });
    const { result } = await session.result('r/0/0-1');
    if (result.case !== 'done') throw new Error('not done');
    const [response] = result.value.responses.map((bytes) => fromBinary(EmbedResponseSchema, bytes));
    expect(response).toMatchObject({ model: 'lexical/char-ngrams-1024-v1', dimension: 1024, lexical: true });
    expect(response?.vectors.map(({ values }) => values.length)).toEqual([1024, 1024]);
    session.committed('r/0/0-1');
    stop('SIGTERM');
    await running;
  } finally {
    await control.close();
  }
});

test('`worker` serves the rules model to a control plane until it is told to stop', async () => {
  const control = new ScriptedControl();
  const url = await control.listen();
  const keyFile = keyFileFor(control);
  let stop = (_why: string) => {};
  const stopping = () => new Promise<string>((resolve) => (stop = resolve));
  try {
    const running = run(
      [
        'worker',
        '--serve',
        'llm',
        '--control',
        url,
        '--key-file',
        keyFile,
        '--name',
        'w',
        '--slots',
        '3',
        '--label',
        'region=eu',
      ],
      { stopping },
    );
    const session = (await control.session()).welcome();
    expect(control.seenKeys).toEqual(['Bearer bww_abcaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']);
    expect(session.hello).toMatchObject({ name: 'w', slots: 3, models: [{ provider: 'rules' }] });
    expect(session.hello.manifest?.labels).toMatchObject([
      { name: 'tier', value: '0' },
      { name: 'region', value: 'eu' },
    ]);
    const request = create(ChatRequestSchema, {
      messages: [
        { role: Role.SYSTEM, parts: [{ part: { case: 'text', value: 'Shared files:\n- `d/notes.md`' } }] },
        {
          role: Role.USER,
          parts: [{ part: { case: 'text', value: 'What does notes.md say about the launch date?' } }],
        },
      ],
      tools: [{ name: 'fs_read' }],
    });
    const params = toBinary(ChatRequestSchema, request);
    session.assign({ dispatchId: 'r/0/0-1', method: 'bowline.capability.llm.v1.LlmService/Chat', params });
    const { result } = await session.result('r/0/0-1');
    if (result.case !== 'done') throw new Error('not done');
    const [call] = result.value.responses.map((bytes) => fromBinary(ChatResponseSchema, bytes));
    expect(call?.event).toMatchObject({
      case: 'toolCall',
      value: { name: 'fs_read', argumentsJson: '{"path":"d/notes.md"}' },
    });
    session.committed('r/0/0-1');
    stop('SIGTERM');
    const { out } = await running;
    expect(out).toContain('ready {"worker":"w"');
    expect(session.all('drain')).toHaveLength(1);
  } finally {
    await control.close();
  }
});

test('a notice that the machine is taken back drains the worker within the time of the notice', async () => {
  const control = new ScriptedControl();
  const url = await control.listen();
  const noticeFile = join(verbs.home, 'notice');
  const env = {
    BOWLINE_CONTROL: url,
    BOWLINE_WORKER_KEY_FILE: keyFileFor(control),
    BOWLINE_WORKER_NOTICE_FILE: noticeFile,
    BOWLINE_WORKER_NOTICE_MS: '5000',
  };
  try {
    const running = run(['worker'], { env, stopping: () => new Promise<string>(() => {}) });
    const session = await control.session();
    session.welcome();
    writeFileSync(noticeFile, '');
    expect((await running).err).toContain('stopping: notice');
    expect(session.all('drain')[0]?.timeout?.seconds).toBeLessThanOrEqual(5n);
  } finally {
    await control.close();
  }
});

test('`worker` needs nothing but its environment', async () => {
  const control = new ScriptedControl();
  const url = await control.listen();
  const keyFile = keyFileFor(control);
  let stop = (_why: string) => {};
  const stopping = () => new Promise<string>((resolve) => (stop = resolve));
  const env = {
    BOWLINE_CONTROL: url,
    BOWLINE_WORKER_KEY_FILE: keyFile,
    BOWLINE_WORKER_SERVE: 'llm',
    BOWLINE_WORKER_NAME: 'box',
    BOWLINE_WORKER_SLOTS: '5',
    BOWLINE_WORKER_LABELS: 'region=eu, note=a=b',
    BOWLINE_WORKER_MAX_RESULT_BYTES: '100000',
  };
  try {
    const running = run(['worker'], { env, stopping });
    const { hello } = (await control.session()).welcome();
    expect(control.seenKeys).toEqual(['Bearer bww_abcaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']);
    expect(hello).toMatchObject({ name: 'box', slots: 5 });
    expect(hello.manifest?.limits).toMatchObject({ slots: 5 });
    expect(Number(hello.manifest?.limits?.maxResultBytes)).toBe(100_000);
    expect(hello.manifest?.labels).toMatchObject([
      { name: 'tier', value: '0' },
      { name: 'region', value: 'eu' },
      { name: 'note', value: 'a=b' },
    ]);
    stop('SIGTERM');
    expect((await running).out).toContain('ready {"worker":"box"');
  } finally {
    await control.close();
  }
});

test('`worker` says what is missing: a control plane, a key, TLS', async () => {
  await expect(run(['worker'])).rejects.toMatchObject({ reason: 'NOT_RUNNING' });
  await expect(run(['worker', '--control', 'http://127.0.0.1:1'])).rejects.toMatchObject({ reason: 'USAGE' });
  await expect(run(['worker', '--control', 'http://example.com'])).rejects.toMatchObject({
    reason: 'INSECURE_CONTROL',
  });
});
