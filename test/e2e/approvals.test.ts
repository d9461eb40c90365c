// A model asks to change files, and the owner is asked: real programs, killed at both ends while they wait and while the owner answers.
// What was allowed happens once, what was denied or withdrawn does not, and nobody is asked twice.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import { chunk, events, FakeProvider } from '../support/fake-provider.ts';
import { Stack } from '../support/stack.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let stack: Stack;
const provider = new FakeProvider();

interface Told {
  readonly role: string;
  readonly content: unknown;
}

/** Asks to write each file that the question names; then answers with what it was told of each call. */
provider.reply = (response, { body }) => {
  const last: Told = body.messages.at(-1);
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  if (last.role === 'user') {
    const { name } = body.tools.find((tool: { function: { name: string } }) =>
      /write$/i.test(tool.function.name),
    ).function;
    const calls = [...JSON.stringify(last.content).matchAll(/[a-z]+\.md/g)].map(([path], index) => {
      const args = JSON.stringify({ path: `docs/${path}`, text: `neu: ${path} 内容\n` });
      return { index, id: `call_${index}`, type: 'function', function: { name, arguments: args } };
    });
    const parts = [chunk({ role: 'assistant', tool_calls: calls }), chunk({}, 'tool_calls', usage)];
    events(response, [...parts, '[DONE]']);
  } else {
    const told = body.messages.filter(({ role }: Told) => role === 'tool').map(({ content }: Told) => content);
    events(response, [
      chunk({ role: 'assistant', content: `TOLD ${told.join(' ')}` }),
      chunk({}, 'stop', usage),
      '[DONE]',
    ]);
  }
  response.end();
};

beforeAll(async () => {
  stack = await Stack.create();
  const url = await provider.listen();
  const model = ['    provider: openai-compatible', '    model: m', `    base_url: ${url}`];
  stack.write('home/models.yaml', `${['default: told', 'models:', '  told:', ...model].join('\n')}\n`, 0o600);
  await stack.control();
  await stack.worker();
  await stack.edge('--allow-write', stack.docs);
});

afterAll(async () => {
  await stack?.close();
  await provider.close();
});

const json = async (...words: string[]) => JSON.parse((await stack.cli([...words, '--json'])).stdout);
const fileOf = ({ effect }: { effect: { file: { path: string } } }): string => effect.file.path.replace('docs/', '');
const pending = async (count: number) =>
  eventually(async () => {
    const found: { id: string; digest: string; effect: { file: { path: string } } }[] = await json('approvals', 'ls');
    return found.length === count && found;
  }, 30_000);
const onDisk = (name: string) => (existsSync(join(stack.docs, name)) ? stack.read(`docs/${name}`) : undefined);

test('three calls that wait survive kills of both ends; each answer counts once, also one given while the control plane is away', async () => {
  const { id: run } = await json('ask', '--no-wait', 'Write a.md, b.md and c.md');
  const asked = await pending(3);
  await stack.running('control').kill();
  await stack.control();
  await stack.running('edge').kill();
  await stack.edge('--allow-write', stack.docs);
  const kept = await pending(3);
  expect(kept).toEqual(asked);
  const [waits] = await eventually(async () => {
    const found = await json('runs', 'ls', '--approvals');
    return found.length === 1 && found;
  }, 30_000);
  expect(waits.id).toBe(run);
  expect((await stack.cli(['runs', 'show', run])).stdout).toContain('waits for the owner’s yes');

  const idOf = (name: string) => kept.find((each) => fileOf(each) === name)!.id;
  await stack.running('control').kill();
  expect(await stack.cli(['approvals', 'deny', idOf('b.md')])).toMatchObject({ code: 0 });
  expect(await stack.cli(['approvals', 'allow', idOf('a.md'), '--yes'])).toMatchObject({ code: 0 });
  // The yes is on the box, so that it is done although nobody is there to hear of it.
  await eventually(() => onDisk('a.md') !== undefined, 30_000);
  await stack.running('edge').kill();
  await stack.edge('--allow-write', stack.docs);
  await stack.control();
  expect((await pending(1)).map(fileOf)).toEqual(['c.md']);
  expect(await stack.cli(['approvals', 'allow', idOf('c.md'), '--yes'])).toMatchObject({ code: 0 });
  const shown = await eventually(async () => {
    const found = await json('runs', 'show', run);
    return found.state === 'answered' && found;
  }, 60_000);
  expect(shown.answer).toMatch(/^TOLD .*APPROVAL_DENIED.*Do not ask for this again/s);
  expect(['a.md', 'b.md', 'c.md'].map(onDisk)).toEqual(['neu: a.md 内容\n', undefined, 'neu: c.md 内容\n']);
  expect(await json('approvals', 'ls')).toEqual([]);
  // One turn to ask, one to answer: nobody asked the model, or the owner, again.
  expect(provider.requests).toHaveLength(2);
});

test('a run that is cancelled withdraws what it asked for', async () => {
  const { id: run } = await json('ask', '--no-wait', 'Write d.md');
  await pending(1);
  expect(await stack.cli(['runs', 'cancel', run])).toMatchObject({ code: 0 });
  await pending(0);
  expect(onDisk('d.md')).toBeUndefined();
  expect((await json('runs', 'ls', '--approvals')) as unknown[]).toEqual([]);
});
