// What is piped into an ask: shared for that run exactly as it is, with its lines of the ledger, and gone with the run. Control plane,
// worker and edge apart, with the built-in rules.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import type { Program } from '../support/program.ts';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const NAME = '(standard input)';
let stack: Stack;
let control: Program;

beforeAll(async () => {
  stack = await Stack.create({ 'notes.md': '# Notes\n' });
  control = await stack.control();
  await stack.worker();
  await stack.edge();
});
afterAll(() => stack?.close());

const kept = () => readdirSync(join(stack.home, 'piped'));
const ask = (input: string | Buffer, ...words: string[]) => stack.cli(['ask', ...words], { input });
const askJson = async (input: string | Buffer, ...words: string[]) =>
  JSON.parse((await ask(input, '--json', ...words)).stdout);

test.each([
  ['summarise this', '# The launch\n\nThe launch is on 12 March. Mara Lindqvist leads it.\n', 'Mara Lindqvist'],
  ['总结一下', '# 发布\n\n发布日期是三月十二日。负责人是李雷。\n', '三月十二日'],
])('`ask %j` answers from what was piped in, and says where it is from', async (question, text, said) => {
  const result = await askJson(text, question);
  expect(result).toMatchObject({ state: 'answered', shared: { paths: [NAME], bytes: Buffer.byteLength(text) } });
  expect(result.answer).toContain(said);
  expect(result.sources).toMatchObject([{ path: NAME }]);
  const lines = JSON.parse((await stack.cli(['egress', 'ls', '--run', result.id, '--json'])).stdout);
  const own = lines.filter(({ path }: { path: string }) => path === NAME);
  expect(own, JSON.stringify(lines)).not.toEqual([]);
  await eventually(() => kept().length === 0);
});

test('a question about it is answered from its lines', async () => {
  expect((await ask('苹果 12\n香蕉 30\n橙子 7\n', '香蕉多少钱？')).stdout).toContain('香蕉 30');
});

test('what is counted is counted in it, not in the files of the box', async () => {
  stack.write('docs/todo.md', 'TODO TODO TODO TODO\n');
  const text = 'TODO 灯塔\nTODO\n';
  expect((await ask(text, 'How many TODOs are there?')).stdout).toContain(`2 times in 1 file: ${NAME}`);
  expect((await ask(text, '"灯塔" 出现了多少次？')).stdout).toMatch(/1 [^\d]*\(standard input\)/);
});

test('bytes of another charset are read like those of a shared file', async () => {
  const latin = Buffer.from('Der Schl\u00fcssel liegt in der K\u00fcche.\n', 'latin1');
  expect((await ask(latin, 'summarise this')).stdout).toContain('Schlüssel liegt in der Küche');
  const gb = Buffer.from([
    0xb7, 0xa2, 0xb2, 0xbc, 0xc8, 0xd5, 0xc6, 0xda, 0xca, 0xc7, 0xc8, 0xfd, 0xd4, 0xc2, 0xa1, 0xa3, 0x0a,
  ]);
  expect((await ask(Buffer.concat(Array(20).fill(gb)), '总结一下')).stdout).toContain('发布日期是三月');
});

test('what has no text, or holds a key, is refused by its name and is not kept', async () => {
  const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
  const image = await ask(png, 'summarise this');
  expect([image.code, image.stderr]).toEqual([expect.any(Number), expect.stringContaining(`${NAME}: `)]);
  expect(image.code).not.toBe(0);
  const key = await ask('-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n', 'summarise this');
  expect(key.stderr).toContain('SECRET_CONTENT');
  await eventually(() => kept().length === 0);
});

test('with nothing on standard input nothing is shared', async () => {
  expect((await askJson('', 'summarise notes.md')).shared?.paths ?? []).toEqual([]);
  expect(kept()).toEqual([]);
});

test('a run sees what was piped into its own ask only', async () => {
  const first = await askJson('The password of the day is Seepferd.\n', 'summarise this');
  expect(first.answer).toContain('Seepferd');
  const next = await askJson('', '-c', first.conversation, `read ${NAME}`);
  expect(next.sources).toEqual([]);
});

test('an edge that is killed before it could send loses nothing: the answer comes from what was piped in', async () => {
  await control.stop();
  const waits = stack.spawnCli(['ask', '--json', '总结一下'], { input: '会议改到星期四，地点是三楼。\n' });
  await eventually(() => kept().length === 1);
  const shares = stack.spawnCli([
    'ask',
    '--json',
    '--share',
    join(stack.dir, 'docs/notes.md'),
    'What does notes.md say?',
  ]);
  await eventually(async () => JSON.parse((await stack.cli(['queue', 'ls', '--json'])).stdout).length === 2);
  await stack.running('edge').kill();
  await stack.edge();
  control = await stack.control();
  expect((await waits.ended).code, waits.output).toBe(0);
  expect(JSON.parse(waits.stdout).answer).toContain('会议改到星期四');
  // What an ask shares that waited unsent is shared still.
  expect((await shares.ended).code, shares.output).toBe(0);
  expect(JSON.parse(shares.stdout)).toMatchObject({ answer: expect.stringContaining('Notes'), sharesEnded: [] });
  await eventually(() => kept().length === 0);
});

test('an edge removes what belongs to no open ask when it starts', async () => {
  await stack.running('edge').stop();
  stack.write('home/piped/left-behind', 'x');
  await stack.edge();
  expect(existsSync(join(stack.home, 'piped/left-behind'))).toBe(false);
});
