// What README and the pages tell to type is typed, word for word and in their order, on a folder of mixed files. A command that cannot
// run here is in a list with its reason; an entry that fits no command fails.
import { existsSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FakeEmbeddings } from '../support/fake-embeddings.ts';
import { chunk, events } from '../support/fake-provider.ts';
import { freePort } from '../support/free-port.ts';
import { makeMessyFolder } from '../support/messy-folder.ts';
import { commandsOf, type PageCommand } from '../support/pages/page-commands.ts';
import { PageShell, type PageShellOptions, type Typing } from '../support/pages/page-shell.ts';
import { missingOf } from '../support/pages/shown-lines.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { PYTHON, pythonLacks } from '../support/python.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { ROOT } from '../support/stack.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Pages that are typed from their beginning to their end, in one home. */
const STORIES: readonly (readonly string[])[] = [
  ['README.md', 'CONTRIBUTING.md'],
  ['docs/guide.md', 'docs/cli.md', 'docs/operations.md', 'docs/security.md'],
  ['examples/python-worker/README.md', 'docs/contracts.md'],
];

/** Commands that are not typed here: where else they are run, or why not. `where` is a file that has to be there. */
const ELSEWHERE: readonly { readonly like: RegExp; readonly why: string; readonly where?: string }[] = [
  { like: /^make (?:test|verify)$/, why: 'this test is a part of it', where: '.ci/run' },
  {
    like: /^make tour$/,
    why: 'writes pictures into the checkout; a test holds them against its list',
    where: 'test/docs/tour.test.ts',
  },
  { like: /^make (?:chaos|chaos-money|bench|fuzz|soak)$/, why: 'takes longer than a test may', where: 'test/chaos' },
  { like: /^make test-s3$/, why: 'downloads the client and a server of S3', where: 'test/s3' },
  {
    like: /^make gen$/,
    why: 'writes into the checkout; `make check` makes the same beside it',
    where: 'scripts/gen.mjs',
  },
  {
    like: /\bdocker compose\b|scale-pools\.mjs$/,
    why: 'needs a Docker engine: `make docker-test`',
    where: 'docker/test/main.mjs',
  },
  { like: /^net=\$\(docker|iptables/, why: 'needs root on the host of a Docker engine' },
  {
    like: /^NODE_EXTRA_CA_CERTS=ca\.pem /,
    why: 'needs the compose project: `make docker-test`',
    where: 'docker/test/main.mjs',
  },
  { like: /^kubectl /, why: 'needs a cluster; the manifests are validated', where: 'test/tooling' },
  {
    like: /^\.\/bowline call lan\./,
    why: 'needs a server of the reader and its entry in config.yaml',
    where: 'test/e2e/approvals.test.ts',
  },
  {
    like: /^curl .*\/metrics$/,
    why: 'needs a replica with a port for metrics',
    where: 'test/integration/telemetry.test.ts',
  },
  { like: /^bowline jobs /, why: 'needs a job that died', where: 'test/cli/owner-verbs.test.ts' },
  { like: /\[--share GLOB\]/, why: 'shows the form of a command' },
  {
    like: /^pip install /,
    why: 'downloads; the tests take the same packages from Debian',
    where: 'test/support/python.ts',
  },
  {
    like: /^grpcurl /,
    why: 'is in no registry of ours; other clients make the same call',
    where: 'test/interop/mesh.test.ts',
  },
];

const PAGES: readonly string[] = STORIES.flat();
const COMMANDS: readonly PageCommand[] = PAGES.flatMap((page) =>
  commandsOf(page, readFileSync(join(ROOT, page), 'utf8')),
);
const isElsewhere = ({ text }: PageCommand): boolean => ELSEWHERE.some(({ like }) => like.test(text));

/** The last one that was printed. */
const last = (printed: string, like: RegExp): string =>
  [...printed.matchAll(like)].at(-1)?.[1] ?? `nothing printed ${like}`;
const CONTROL = /^ready \{.*"control":"([^"]+)"/gm;
const RUN = /([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})/g;
const READY = /^ready \{.*\}$/m;

const TYPING: readonly Typing[] = [
  { like: /bowline init$/, asks: true, says: /Start it, and ask in another terminal/ },
  { like: /^\.\/bowline up/, until: READY },
  { like: /bowline ask .*--share '~\/notes\/launch\.md' "When is/, says: /14 May/ },
  { like: /bowline ask "Which notes mention/, says: /notes\/launch\.md/ },
  { like: /bowline chat$/, input: () => 'When is the launch?\nn\n/quit\n', says: /launch\.md/ },
  // A folder of mixed files has some that cannot be read: these are named, and the rest is done.
  { like: /bowline docs add/, codes: [0, 8], says: /launch\.md|documents?/ },
  { like: /bowline status$/, says: /control/ },
  { like: /bowline egress ls$/, terminal: true },
  { like: /bowline watch$/, terminal: true, until: /── left the box/, thenStopped: true },
  { like: /bowline logs -f$/, until: /\w/, thenStopped: true },
  // More than one machine.
  { like: /^DATABASE_URL=\S+ \.\/bowline control$/, stops: /bowline up/, until: READY },
  {
    like: /bowline edge --join/,
    until: READY,
    machine: 'box',
    input: (printed) => `${last(printed, /^(https?:\/\/\S+ \S+ kitchen-pi)$/gm)}\n`,
  },
  { like: /bowline worker --serve/, until: READY, machine: 'gpu' },
  { like: /bowline control --home \S+-a /, stops: /bowline (?:control|worker|edge)/, until: READY },
  { like: /bowline control --home/, until: READY },
  // Clients and workers in other languages.
  { like: /worker\.py /, until: /./ },
  { like: /WordsService\/Count/, says: /"to"/ },
  { like: /FsService\/Read/, says: /words\.md/ },
  { like: /read\.(?:py|mjs)/, says: /words\.md/ },
];

interface Beside {
  readonly postgres: TestPostgres;
  readonly redis: TestRedis;
  readonly models: FakeEmbeddings;
  readonly modelsUrl: string;
}

/** What runs on the machine of somebody who reads the guide: Postgres, Redis, a provider of models. */
async function startBeside(): Promise<Beside> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const models = new FakeEmbeddings({ dimension: 1024 });
  const embed = models.provider.reply;
  models.provider.reply = (response, request) =>
    request.path.endsWith('/embeddings') ? embed(response, request) : answerInWords(response);
  return { postgres, redis, models, modelsUrl: await models.provider.listen() };
}

function answerInWords(response: ServerResponse): void {
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  events(response, [chunk({ role: 'assistant', content: 'Yes.' }), chunk({}, 'stop', usage), '[DONE]']);
  response.end();
}

/** What stands for something of the reader's own. */
async function filled(shell: () => PageShell, beside: Beside | undefined): Promise<PageShellOptions['filled']> {
  const [a, b] = [await freePort(), await freePort()];
  const own = (url: string | undefined) => () => url ?? 'not started';
  return [
    [/\bRUN\b/, (printed) => last(printed, RUN)],
    [/(?<=--control )URL\b/, (printed) => last(printed, CONTROL)],
    [
      /127\.0\.0\.1:PORT DEVICE/,
      (printed) => `${last(printed, CONTROL).replace('http://', '')} ${last(printed, DEVICE)}`,
    ],
    [/127\.0\.0\.1:7420/, () => `127.0.0.1:${shell().port}`],
    [/--port 7421/, () => `--port ${a}`],
    [/--port 7422/, () => `--port ${b}`],
    [/(?<![\w.])\/tmp\//, () => `${shell().dir}/tmp/`],
    [/\/var\/lib\//, () => `${shell().dir}/`],
    [/\bpython3 /, () => `${PYTHON} `],
    [/(?<= )words\.binpb/, () => `${shell().dir}/tmp/words/words.binpb`],
    [/postgres:\/\/bowline@127\.0\.0\.1\/bowline/, own(beside?.postgres.url)],
    [/redis:\/\/127\.0\.0\.1:6379/, own(beside?.redis.url)],
    [/http:\/\/127\.0\.0\.1:11434\/v1/, own(beside?.modelsUrl)],
  ];
}

const DEVICE = /^ready \{.*"device":"([^"]+)"/gm;
const lacks = await pythonLacks();

describe.each(STORIES.map((pages) => [pages.join(', '), pages] as const))('%s', (_name, pages) => {
  const commands = COMMANDS.filter((command) => pages.includes(command.page) && !isElsewhere(command));
  const inPython = pages.some((page) => page.startsWith('examples/'));
  let shell: PageShell;
  let beside: Beside | undefined;

  beforeAll(async () => {
    if (pages.includes('docs/guide.md')) beside = await startBeside();
    shell = await PageShell.open({
      files: (home) => makeMessyFolder(join(home, 'notes')),
      typing: TYPING,
      filled: await filled(() => shell, beside),
      variables: inPython
        ? { URL: (printed) => last(printed, CONTROL), DEVICE: (printed) => last(printed, DEVICE) }
        : {},
    });
    if (inPython) await shell.type({ page: 'a page that needs it', line: 0, text: './bowline up --allow docs' });
  });
  afterAll(async () => {
    await shell?.close();
    await Promise.all([beside?.postgres.stop(), beside?.redis.stop(), beside?.models.provider.close()]);
  });

  test
    .skipIf(inPython && lacks)
    .each(commands.map((each) => [`${each.page}:${each.line} ${each.text}`, each] as const))(
    '%s',
    async (_title, command) => {
      const { shown } = await shell.type(command);
      if (command.output) expect(missingOf(command.output, shown)).toBeUndefined();
    },
  );
});

test('every page has the commands that it is known for', () => {
  const counts = Object.fromEntries(PAGES.map((page) => [page, COMMANDS.filter((each) => each.page === page).length]));
  expect(counts).toMatchObject({ 'docs/security.md': 0, 'docs/cli.md': 1 });
  for (const [page, least] of [
    ['README.md', 20],
    ['docs/guide.md', 25],
    ['docs/contracts.md', 12],
  ] as const) {
    expect(counts[page], page).toBeGreaterThanOrEqual(least);
  }
});

test.each(ELSEWHERE)('a command like $like is still on a page, and still cannot run here: $why', ({ like, where }) => {
  expect(COMMANDS.some(({ text }) => like.test(text))).toBe(true);
  if (where) expect(existsSync(join(ROOT, where)), where).toBe(true);
});

test.each(TYPING)('what is known of commands like $like is of use', ({ like }) => {
  const typed = [...COMMANDS.filter((each) => !isElsewhere(each)).map(({ text }) => text), './bowline up --allow docs'];
  expect(typed.some((text) => text.split('; ').some((step) => like.test(step)))).toBe(true);
});
