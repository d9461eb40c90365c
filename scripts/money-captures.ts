// Takes what docs/money.md shows: real programs in a real terminal, in 80 and 120 columns, with two models of a provider that counts what it
// is told to. It writes the part of the page between its marks. Needs util-linux (`script`, `stty`).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chunk, events, FakeProvider, type Reply } from '../test/support/fake-provider.ts';
import { Program } from '../test/support/program.ts';
import { MARKS, pagePart } from './approval-page.ts';
import { ASKED, MONEY_CAPTURES } from './money-page.ts';
import { fiveDigits, LIMIT_MS, newFolder, type Place, ROOT, take } from './take-capture.ts';
import { SIZES } from './tour-captures.ts';

const PAGE = join(ROOT, 'docs/money.md');

const ROUTES = `tiers:
  - name: small
    model: gpt-5-mini
  - name: large
    model: gpt-5
`;

const modelsText = (url: string): string =>
  `default: gpt-5-mini\nmodels:\n${[
    ['gpt-5-mini', 0.25, 2],
    ['gpt-5', 1.25, 10],
  ]
    .map(
      ([name, input, output]) =>
        `  ${name}:\n    provider: openai-compatible\n    model: ${name}\n    base_url: ${url}\n    price: {input: ${input}, output: ${output}}\n`,
    )
    .join('')}`;

const answers: Reply = (response, { body }) => {
  const usage =
    body.model === 'gpt-5'
      ? { prompt_tokens: 2_841, completion_tokens: 1_530, total_tokens: 4_371 }
      : { prompt_tokens: 1_204, completion_tokens: 164, total_tokens: 1_368 };
  events(response, [chunk({ role: 'assistant', content: 'It is in plan.md.' }), chunk({}, 'stop', usage), '[DONE]']);
  response.end();
};

async function run(place: Place, ...words: string[]): Promise<string> {
  const program = new Program(words[0] ?? '', ['./bowline', ...words], { cwd: ROOT, env: place.env });
  program.child.stdin.end();
  await program.ended;
  return program.stdout;
}

async function runOf(place: Place, asked: string): Promise<string> {
  const runs = JSON.parse(await run(place, 'runs', 'ls', '--json')) as { readonly id: string; readonly text: string }[];
  const found = runs.find(({ text }) => text === asked);
  if (!found) throw new Error(`nothing was asked: ${asked}`);
  return found.id;
}

async function main(): Promise<void> {
  const dir = newFolder();
  const { PATH = '' } = process.env;
  const place: Place = {
    dir,
    port: await fiveDigits(),
    env: { PATH, HOME: dir, TMPDIR: dir, LANG: 'C.UTF-8', TERM: 'xterm-256color' },
  };
  const provider = new FakeProvider();
  provider.reply = answers;
  const url = await provider.listen();
  mkdirSync(join(dir, 'notes'));
  mkdirSync(join(dir, '.bowline'), { mode: 0o700 });
  writeFileSync(join(dir, 'notes/plan.md'), '# Plan\n');
  writeFileSync(join(dir, '.bowline/config.yaml'), 'name: kitchen\nallow:\n  read: [~/notes]\n');
  writeFileSync(join(dir, '.bowline/models.yaml'), modelsText(url), { mode: 0o600 });
  writeFileSync(join(dir, '.bowline/routes.yaml'), ROUTES);
  const up = new Program('up', ['./bowline', 'up', '--port', String(place.port)], { cwd: ROOT, env: place.env });
  try {
    await up.ready(LIMIT_MS);
    for (const { text, tier } of ASKED) await run(place, 'ask', '--tier', tier, text);
    await run(place, 'budgets', 'set', 'all', '--limit', '20');
    await run(place, 'budgets', 'set', 'drafts', '--tokens', '20000', '--per', 'week', '--model', 'gpt-5-mini');
    await run(place, 'budgets', 'set', 'dear', '--limit', '0.04', '--per', 'day', '--model', 'gpt-5');
    const texts = new Map<string, string>();
    for (const capture of MONEY_CAPTURES) {
      const id = capture.needsRun ? await runOf(place, capture.needsRun) : '';
      for (const size of SIZES)
        texts.set(`${capture.name}-${size.columns}`, (await take(capture, size, place, id)).text);
    }
    const [before = '', rest = ''] = readFileSync(PAGE, 'utf8').split(MARKS.begin);
    writeFileSync(PAGE, `${before}${pagePart(MONEY_CAPTURES, texts)}${rest.split(MARKS.end)[1] ?? ''}`);
  } finally {
    await up.stop();
    await provider.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

// What was started ends with this process: at its `exit`, which a signal alone does not bring.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await main();
