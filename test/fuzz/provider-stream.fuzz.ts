// Answers of servers that call themselves OpenAI-compatible, of any shape, cut anywhere: what comes of one does not depend on where it
// was cut, is of the schema, ends, and takes a time in its length.
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { tolerantFetch } from '../../src/worker/handlers/llm/providers/dialect/tolerant-fetch.ts';
import type { Fuzz, Random } from './fuzz.ts';

const WORDS = [
  'well ',
  '<think>',
  '</think>',
  '<thi',
  '<tool_call>',
  '</tool_call>',
  '{"name":"fs_read","arguments":{"path":"a"}}',
  '[TOOL_CALLS]',
  '<|channel|>',
  'analysis',
  'final',
  'commentary to=functions.fs_read',
  '<|message|>',
  '<|end|>',
  '<|start|>assistant',
  '[THINK]',
  '[/THINK]',
  '图',
  '👩',
  '\0',
  '\ud800',
  ' '.repeat(50),
  '<'.repeat(50),
];
const FINISHES = ['stop', 'length', 'tool_calls', 'abort', 'error', null, 'eos', 7, 'content_filter'];
/** For an answer of at most some 200 KB, beside a machine at work. */
const MOST_MS = 5_000;

export const providerStreamFuzz: Fuzz = {
  name: 'provider-stream',
  open: async () => ({
    round: async (random) => {
      const bytes = new TextEncoder().encode(bodyOf(random));
      const options = { calls: random.chance(0.7), thinksFirst: random.chance(0.3) };
      const started = performance.now();
      const whole = await readAs([bytes], options);
      const cut = await readAs([...piecesOf(bytes, random)], options);
      if (whole !== cut)
        throw new Error(`cut otherwise it is another answer: ${whole.slice(0, 500)} / ${cut.slice(0, 500)}`);
      const took = performance.now() - started;
      if (took > MOST_MS) throw new Error(`${bytes.length} bytes took ${Math.round(took)} ms`);
    },
    close: async () => {},
  }),
};

/** All that an answer says, joined by kind. */
async function readAs(
  pieces: readonly Uint8Array[],
  options: { calls: boolean; thinksFirst: boolean },
): Promise<string> {
  const { calls, thinksFirst } = options;
  const fetched = async () => new Response(ReadableStream.from(pieces) as ReadableStream<Uint8Array>);
  const fetch = tolerantFetch(fetched, {
    provider: 'p',
    habits: { thinksFirst },
    calls,
    clock: { ...systemClock, monotonic: () => 0 },
  });
  const text = await fetch('http://provider.invalid')
    .then((response) => response.text())
    .catch((error: unknown) => {
      if (error instanceof AppError && error.reason === 'PROVIDER_UNAVAILABLE') return undefined;
      throw error;
    });
  // More in one event than one turn can parse.
  if (text === undefined) return 'refused';
  const said = { content: '', reasoning_content: '', calls: '', ends: [] as unknown[] };
  for (const line of text.split('\n').filter((each) => each.startsWith('data: {'))) {
    const { choices, error, usage } = JSON.parse(line.slice(6));
    if (error) said.ends.push(typeof error.message === 'string' ? 'error' : error);
    if (usage) for (const count of Object.values(usage)) mustBeCount(count);
    for (const { delta, finish_reason } of choices ?? []) {
      said.content += delta.content ?? '';
      said.reasoning_content += delta.reasoning_content ?? '';
      for (const call of delta.tool_calls ?? []) {
        if (typeof call.function.arguments !== 'string' || typeof call.index !== 'number')
          throw new Error('a call of another shape');
        said.calls += JSON.stringify(call.function);
      }
      if (finish_reason) said.ends.push(finish_reason);
    }
  }
  if (said.ends.length !== 1) throw new Error(`${said.ends.length} ends of an answer: ${text.slice(0, 500)}`);
  return JSON.stringify(said);
}

function mustBeCount(count: unknown): void {
  if (typeof count === 'object' && count !== null) return;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > 1e12)
    throw new Error(`a usage of ${count}`);
}

function bodyOf(random: Random): string {
  const long = random.chance(0.02) ? 3_000 : 12;
  const lines = Array.from({ length: random.int(long) }, () => eventOf(random));
  if (random.chance(0.6)) lines.push('data: [DONE]');
  const gap = random.pick(['\n\n', '\r\n\r\n', '\n', '\r\r']);
  return random.chance(0.1) ? JSON.stringify(chunkOf(random)) : lines.join(gap) + gap;
}

function eventOf(random: Random): string {
  const kind = random.int(12);
  if (kind === 0) return `: ${random.pick(WORDS)}`;
  if (kind === 1) return `data: ${random.pick(['', 'ping', '{', '[1', 'null', '7', '{}'])}`;
  if (kind === 2) return `event: ${random.pick(WORDS)}`;
  return `data:${random.chance(0.5) ? ' ' : ''}${JSON.stringify(chunkOf(random))}`;
}

function chunkOf(random: Random): object {
  const number = () => random.pick<unknown>([0, 5, -1, 1e300, '12', 'x', null, {}, 2 ** 64]);
  const content = Array.from({ length: random.int(6) }, () => random.pick(WORDS)).join('');
  const call = {
    index: number(),
    id: number(),
    function: { name: random.pick(['fs_read', '', null]), arguments: random.pick<unknown>(['{"a"', '', {}, null]) },
  };
  const delta = {
    content: random.pick<unknown>([content, content, content, null, [{ type: 'text', text: content }], 7]),
    ...(random.chance(0.1) ? { reasoning_content: content } : {}),
    ...(random.chance(0.1) ? { tool_calls: random.pick<unknown>([[call], call, 'x', null]) } : {}),
  };
  const choice = {
    index: random.pick<unknown>([0, 0, 0, 1, '0', null]),
    [random.chance(0.9) ? 'delta' : 'message']: delta,
  };
  const finish = random.chance(0.15) ? { finish_reason: random.pick(FINISHES) } : {};
  return {
    id: number(),
    choices: random.chance(0.9) ? [{ ...choice, ...finish }] : random.pick<unknown>([[], null, 'none', {}]),
    ...(random.chance(0.1) ? { usage: { prompt_tokens: number(), completion_tokens: number() } } : {}),
    ...(random.chance(0.02) ? { error: random.pick<unknown>([{ message: 'no' }, 'no', {}, null]) } : {}),
  };
}

function* piecesOf(bytes: Uint8Array, random: Random): Generator<Uint8Array> {
  const most = random.pick([1, 7, 64, 5_000]);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.int(most);
    yield bytes.subarray(at, end);
    at = end;
  }
}
