// A server of another make as the model of a whole Bowline: a 429 with Retry-After, then two tool calls at once, then the answer.
import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let stack: Stack;
let server: LLMock;

beforeAll(async () => {
  server = new LLMock({ port: 0, host: '127.0.0.1', logLevel: 'silent' });
  await server.start();
  stack = await Stack.create({ 'a.md': '# A\n\nThe launch is on Friday.\n', 'b.md': '# B\n' });
  const entry = `    provider: openai-compatible\n    model: gpt-4o\n    base_url: ${server.url}/v1\n`;
  stack.write('home/models.yaml', `default: outside\nmodels:\n  outside:\n${entry}`, 0o600);
  await stack.control();
  await stack.worker();
  await stack.edge();
});

afterAll(async () => {
  await stack?.close();
  await server?.stop();
});

test('a run waits as it is told, calls two tools at once, and answers from their results', async () => {
  const call = (name: string, args: object) => ({ name, arguments: JSON.stringify(args) });
  const calls = [call('fs_read', { path: 'docs/a.md' }), call('fs_list', {})];
  const limit = { error: { message: 'slow down', type: 'rate_limit_error' }, status: 429, retryAfter: 1 };
  server.on({ userMessage: 'When is the launch', sequenceIndex: 0 }, limit);
  server.on({ userMessage: 'When is the launch', hasToolResult: false }, { toolCalls: calls });
  server.on({ userMessage: 'When is the launch', hasToolResult: true }, { content: 'On Friday, says a.md.' });

  const { code, stdout } = await stack.cli(['ask', '--json', '--share', 'a.md', 'When is the launch?']);
  expect(code, stdout).toBe(0);
  const told = JSON.parse(stdout);
  expect(JSON.stringify(told)).toContain('On Friday, says a.md.');
  const asked = server.getRequests();
  expect(asked).toHaveLength(3);
  const { messages = [] } = asked.at(-1)!.body as { messages?: { role: string; content: unknown }[] };
  const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => JSON.stringify(content));
  expect(results).toHaveLength(2);
  expect(results.join()).toContain('The launch is on Friday.');
});
