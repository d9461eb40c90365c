// Takes what docs/approvals.md shows: real programs in a real terminal, in 80 and 120 columns, with a model that asks to write. It writes the
// part of the page between its marks. Needs util-linux (`script`, `stty`).
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chunk, events, FakeProvider, type Reply } from '../test/support/fake-provider.ts';
import { Program } from '../test/support/program.ts';
import { ANSWER, APPROVAL_CAPTURES, QUESTION, READ, SAID, WRITES } from './approval-page.ts';
import { newPlace, output, runOf, writePart } from './capture-place.ts';
import { LIMIT_MS, type Place, ROOT, take } from './take-capture.ts';
import { SIZES } from './tour-captures.ts';

const PAGE = 'docs/approvals.md';
const PLAN = '# Plan\n\nThe launch is on 14 May.\nThe budget is 52000 EUR.\n';

const modelsText = (url: string): string =>
  `default: scripted\nmodels:\n  scripted:\n    provider: openai-compatible\n    model: for-this-page\n    base_url: ${url}\n`;

/** The model of these pictures: it wants the same writes, or the same read, each time, and says what became of them. */
const wants: Reply = (response, { body }) => {
  const results = body.messages.filter(({ role }: { role: string }) => role === 'tool').length;
  const reads = JSON.stringify(body.messages).includes(QUESTION);
  const calls = (reads ? [READ] : WRITES).map((request, index) => ({
    index,
    id: `call-${index}`,
    type: 'function',
    function: { name: reads ? 'fs_read' : 'fs_write', arguments: JSON.stringify(request) },
  }));
  const usage = { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 };
  const said =
    results === 0 ? { role: 'assistant', tool_calls: calls } : { role: 'assistant', content: reads ? ANSWER : SAID };
  events(response, [chunk(said), chunk({}, results === 0 ? 'tool_calls' : 'stop', usage), '[DONE]']);
  response.end();
};

const json = async (place: Place, ...words: string[]): Promise<unknown> =>
  JSON.parse(await output(place, ...words, '--json'));

interface Waiting {
  readonly id: string;
  readonly effect: { readonly file: { readonly path: string } };
}

const waiting = async (place: Place): Promise<Waiting[]> => (await json(place, 'approvals', 'ls')) as Waiting[];

/** The id of the first of the writes, once all of them wait. */
async function firstWaiting(place: Place): Promise<string> {
  for (let end = Date.now() + LIMIT_MS; Date.now() < end; await pause(200)) {
    const all = await waiting(place);
    const first = all.find(({ effect }) => effect.file.path === WRITES[0].path);
    if (first && all.length === WRITES.length) return first.id;
  }
  throw new Error('nothing waits for a yes');
}

async function main(): Promise<void> {
  const place = await newPlace();
  const { dir } = place;
  const model = new FakeProvider();
  model.reply = wants;
  const url = await model.listen();
  const plan = join(dir, 'notes/plan.md');
  mkdirSync(join(dir, 'notes'));
  const entry = `allow:\n  read: [~/notes]\n  write:\n    - { path: ~/notes, confirm: always }\n`;
  writeFileSync(join(dir, '.bowline/config.yaml'), `name: kitchen\n${entry}`);
  writeFileSync(join(dir, '.bowline/models.yaml'), modelsText(url), { mode: 0o600 });
  const up = new Program('up', ['./bowline', 'up', '--port', String(place.port)], { cwd: ROOT, env: place.env });
  try {
    await up.ready(LIMIT_MS);
    const texts = new Map<string, string>();
    for (const capture of APPROVAL_CAPTURES) {
      for (const size of SIZES) {
        writeFileSync(plan, PLAN);
        rmSync(join(dir, 'notes/港口.md'), { force: true });
        let id = '';
        if (capture.needsOne) {
          await json(place, 'ask', '--no-wait', capture.needsOne);
          id = await firstWaiting(place);
        }
        if (capture.needsRun) id = await runOf(place, capture.needsRun);
        texts.set(`${capture.name}-${size.columns}`, (await take(capture, size, place, id)).text);
        if (capture.needsOne) await json(place, 'approvals', 'deny', ...(await waiting(place)).map((each) => each.id));
      }
    }
    writePart(PAGE, APPROVAL_CAPTURES, texts);
  } finally {
    await up.stop();
    await model.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

// What was started ends with this process: at its `exit`, which a signal alone does not bring.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await main();
