// A fact about files from the owner's question to the shown answer, with real programs and a model that asks for it: the model and the control
// plane see a mark alone, the owner the fact, also later and after a restart of the edge.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { chunk, events, FakeProvider } from '../support/fake-provider.ts';
import { Stack } from '../support/stack.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const FACT = 'docs/notes/大日志.log (3 MB)';
const ANSWER = `The largest file is ${FACT}.`;

let stack: Stack;
const provider = new FakeProvider();

/** The mark that a tool gave, from the messages that the model is sent. */
const markIn = (messages: readonly unknown[]): string | undefined =>
  /\[\[fact-[A-Z2-9]{4}\]\]/.exec(JSON.stringify(messages))?.[0];

beforeAll(async () => {
  stack = await Stack.create({ 'notes/大日志.log': 'x'.repeat(3 << 20), 'notes/small.md': 'x' });
  provider.reply = (response, { body }) => {
    const mark = markIn(body.messages);
    const last = body.messages.at(-1);
    if (mark === undefined && last?.role === 'user') {
      const { name } = body.tools.find((tool: { function: { name: string } }) =>
        /query$/i.test(tool.function.name),
      ).function;
      const call = { name, arguments: JSON.stringify({ measure: 'MEASURE_LARGEST', most: 1 }) };
      events(response, [
        chunk({ role: 'assistant', tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: call }] }),
        chunk({}, 'tool_calls', { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }),
        '[DONE]',
      ]);
    } else {
      // The mark comes cut, as models write it.
      const pieces = ['The largest file is [[', 'fact', `-${mark?.slice(7, 9)}`, `${mark?.slice(9)}`, '.'];
      events(response, [
        ...pieces.map((content) => chunk({ role: 'assistant', content })),
        chunk({}, 'stop', { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }),
        '[DONE]',
      ]);
    }
    response.end();
  };
  const url = await provider.listen();
  const models = [
    'default: told',
    'models:',
    '  told:',
    '    provider: openai-compatible',
    '    model: m',
    `    base_url: ${url}`,
  ];
  stack.write('home/models.yaml', `${models.join('\n')}\n`, 0o600);
  await stack.control();
  await stack.worker();
});

afterAll(async () => {
  await stack?.close();
  await provider.close();
});

test('the owner reads the fact, and it never left the box', async () => {
  const edge = await stack.edge();
  const asked = await stack.cli(['ask', '--json', 'Which file is the largest?'], { withinMs: 60_000 });
  const { conversation, answer, withheld, ...ids } = JSON.parse(asked.stdout);
  const run: string = ids.id;
  expect(answer).toBe(ANSWER);
  expect(withheld).toEqual([]);
  const shown = await stack.cli(['ask', '-c', conversation, 'And again?'], { withinMs: 60_000 });
  expect(shown.stdout).toContain(ANSWER);

  // What went to the model, in both runs, has the mark alone.
  const sent = JSON.stringify(provider.requests.map(({ body }) => body.messages));
  expect(markIn([sent])).toBeDefined();
  for (const part of ['大日志', '3 MB', 'small.md']) expect(sent).not.toContain(part);

  await edge.stop();
  const away = await stack.cli(['runs', 'show', run]);
  expect(away.stdout).toContain('The largest file is (known on the box only).');
  await stack.edge();
  for (const args of [
    ['runs', 'show', run],
    ['runs', 'watch', run],
    ['runs', 'show', run, '--json'],
    ['conversations', 'show', conversation],
  ]) {
    const { stdout } = await stack.cli(args);
    expect(stdout, args.join(' ')).toContain(ANSWER);
    expect(stdout, args.join(' ')).not.toContain('[[fact-');
  }
  const called = await stack.cli(['call', 'fs.Query', '--data', '{"measure": "MEASURE_COUNT"}']);
  expect(called.stdout).not.toContain('2 files');
  expect(called.stderr).toMatch(/\[\[fact-[A-Z2-9]{4}\]\] on this box: 2 files/);
  const ledger = await stack.cli(['egress', 'ls', '--run', run]);
  expect(ledger.stdout).not.toContain('大日志');
});
