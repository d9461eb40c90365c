// Takes what docs/money.md shows: real programs in a real terminal, in 80 and 120 columns, with two models of a provider that counts what it
// is told to. It writes the part of the page between its marks. Needs util-linux (`script`, `stty`).
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chunk, events, FakeProvider, type Reply } from '../test/support/fake-provider.ts';
import { Program } from '../test/support/program.ts';
import { newPlace, output, runOf, writePart } from './capture-place.ts';
import { ASKED, MONEY_CAPTURES } from './money-page.ts';
import { LIMIT_MS, ROOT, take } from './take-capture.ts';
import { SIZES } from './tour-captures.ts';

const PAGE = 'docs/money.md';

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

async function main(): Promise<void> {
  const place = await newPlace();
  const { dir } = place;
  const provider = new FakeProvider();
  provider.reply = answers;
  const url = await provider.listen();
  mkdirSync(join(dir, 'notes'));
  writeFileSync(join(dir, 'notes/plan.md'), '# Plan\n');
  writeFileSync(join(dir, '.bowline/config.yaml'), 'name: kitchen\nallow:\n  read: [~/notes]\n');
  writeFileSync(join(dir, '.bowline/models.yaml'), modelsText(url), { mode: 0o600 });
  writeFileSync(join(dir, '.bowline/routes.yaml'), ROUTES);
  const up = new Program('up', ['./bowline', 'up', '--port', String(place.port)], { cwd: ROOT, env: place.env });
  try {
    await up.ready(LIMIT_MS);
    for (const { text, tier } of ASKED) await output(place, 'ask', '--tier', tier, text);
    await output(place, 'budgets', 'set', 'all', '--limit', '20');
    await output(place, 'budgets', 'set', 'drafts', '--tokens', '20000', '--per', 'week', '--model', 'gpt-5-mini');
    await output(place, 'budgets', 'set', 'dear', '--limit', '0.04', '--per', 'day', '--model', 'gpt-5');
    const texts = new Map<string, string>();
    for (const capture of MONEY_CAPTURES) {
      const id = capture.needsRun ? await runOf(place, capture.needsRun) : '';
      for (const size of SIZES)
        texts.set(`${capture.name}-${size.columns}`, (await take(capture, size, place, id)).text);
    }
    writePart(PAGE, MONEY_CAPTURES, texts);
  } finally {
    await up.stop();
    await provider.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

// What was started ends with this process: at its `exit`, which a signal alone does not bring.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await main();
