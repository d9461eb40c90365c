// The edge's file tools against hostile folders and calls: whatever lies there and is asked for, a call answers, takes bounded time and
// memory of the processor, and tells nothing that was not shared.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { type EdgeRig, edgeRig } from '../support/edge-rig.ts';
import type { Fuzz, FuzzTarget, Random } from './fuzz.ts';

/** What one call may take: of the processor, and of memory that stays while it runs. */
const MOST_CPU_MS = 4_000;
const MOST_MEMORY = 160 << 20;
/** Stands in every file that is never shared. */
const CANARY = 'qwmcanaryxz';

const PIECES: readonly ((random: Random) => string)[] = [
  () => ' '.repeat(30_000),
  () => `a${'\u0301\u0316'.repeat(20_000)}`,
  () => '人口统计资料汇编与分析报告'.repeat(2_000),
  () => '😀\u200d'.repeat(8_000),
  () => '\n'.repeat(60_000),
  () => '\r'.repeat(30_000),
  () => 'x'.repeat(100_000),
  () => 'नमस्ते दुनिया। '.repeat(2_000),
  () => '\u1100\u1161\u11a8'.repeat(8_000),
  () => '-----BEGIN '.repeat(4_000),
  () => 'eyJ'.repeat(20_000),
  () => 'ΑΣ'.repeat(20_000),
  () => '\ufeff\u202e\u0000',
  (random) => Buffer.from(random.bytes(2_000)).toString('latin1'),
  () => '# launch\n\nThe launch is near.\n',
];

const NAMES = [
  'a.md',
  'deep/er/b.txt',
  '.hidden',
  'id_rsa',
  `${'长'.repeat(80)}.md`,
  'odd\u202e.md',
  'x\u0001.md',
  'é.md',
  'e\u0301.md',
];
const TERMS = [
  'launch',
  'near',
  'l',
  '\u0301'.repeat(200),
  ' '.repeat(200),
  '人口',
  '人口统计资料',
  'ΑΣ',
  CANARY,
  '\ud800',
];
const GLOBS = [
  '',
  '*',
  '**/*',
  '*.md',
  `${'*a'.repeat(120)}b`,
  '{'.repeat(120),
  '{a,b}'.repeat(40),
  '[a-z]*',
  '.*',
  '../*',
];
const PATHS = [
  '',
  'docs',
  'docs/a.md',
  'docs/../home',
  '/etc/passwd',
  'docs/out',
  `docs/${'a/'.repeat(1_000)}`,
  'docs/\u0000',
  '.',
  'docs/.hidden',
];

type Play = (rig: EdgeRig, run: string, random: Random) => Promise<unknown>;

function fuzzOf(name: string, play: Play): Fuzz {
  return { name, open: async () => openTarget(play) };
}

async function openTarget(play: Play): Promise<FuzzTarget> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuzz-tools-')));
  mkdirSync(join(dir, 'home'), { mode: 0o700 });
  mkdirSync(join(dir, 'docs'));
  mkdirSync(join(dir, 'outside'));
  writeFileSync(join(dir, 'outside/canary.md'), CANARY);
  symlinkSync(join(dir, 'outside'), join(dir, 'docs/out'));
  const config = 'allow:\n  write: [{path: DIR/docs/w.txt, confirm: never}]\n';
  const rig = await edgeRig(dir, { config });
  return {
    async round(random) {
      const files = Array.from({ length: 1 + random.int(3) }, () => random.pick(NAMES));
      for (const file of files) {
        mkdirSync(dirname(join(dir, 'docs', file)), { recursive: true });
        const text = Array.from({ length: 1 + random.int(3) }, () => random.pick(PIECES)(random)).join('');
        writeFileSync(join(dir, 'docs', file), `${text}\n${CANARY}`);
      }
      const { run } = await rig.ask('Which notes say that the launch is near, 人口统计资料汇编?');
      const [cpu, memory] = [process.cpuUsage(), process.memoryUsage.rss()];
      const answer = await play(rig, run, random);
      const { user, system } = process.cpuUsage(cpu);
      if ((user + system) / 1000 > MOST_CPU_MS)
        throw new Error(`one call took ${(user + system) / 1000} ms of the processor`);
      const grown = process.memoryUsage.rss() - memory;
      if (grown > MOST_MEMORY) throw new Error(`one call took ${grown >> 20} MiB`);
      const told = JSON.stringify(answer, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
      if (told.includes(CANARY)) throw new Error('what was not shared was told');
      rmSync(join(dir, 'docs', random.pick(files)), { force: true });
    },
    async close() {
      await rig.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const { read, list, search, stat, write } = FsService.method;
const path = (random: Random): string =>
  (random.chance(0.5) ? `docs/${random.pick(NAMES)}` : random.pick(PATHS)).slice(0, 4_000);
const few = (random: Random): number => random.pick([0, 0, 1, 2, 1_000, 4_294_967_295]);

/** Failures of a call are answers; what the contract does not let in is refused before the tools. */
async function told(call: Promise<{ messages: unknown; failure: string | undefined }>): Promise<unknown> {
  const { messages, failure } = await call;
  if (failure === 'INTERNAL') throw new Error('a call failed without a reason');
  return messages;
}

export const toolReadFuzz = fuzzOf('tool-read', (rig, run, random) => {
  const request = { path: path(random), startLine: few(random), endLine: few(random), maxBytes: few(random) };
  return told(rig.call(read, request, { run }));
});

export const toolStatFuzz = fuzzOf('tool-stat', (rig, run, random) =>
  told(rig.call(stat, { path: path(random) }, { run })),
);

export const toolListFuzz = fuzzOf('tool-list', (rig, run, random) => {
  const request: MessageInitShape<typeof list.input> = {
    path: path(random),
    recursive: random.chance(0.5),
    glob: random.pick(GLOBS),
    pageSize: few(random),
    pageToken: random.chance(0.3) ? path(random) : '',
  };
  return told(rig.call(list, request, { run }));
});

export const toolSearchFuzz = fuzzOf('tool-search', (rig, run, random) => {
  const terms = Array.from({ length: random.int(6) }, () => random.pick(TERMS)).filter((term) => term.isWellFormed());
  const request = { path: path(random), terms, glob: random.pick(GLOBS), pageSize: few(random) };
  return told(rig.call(search, request, { run }));
});

export const toolWriteFuzz = fuzzOf('tool-write', (rig, run, random) => {
  const request = {
    path: random.chance(0.7) ? 'docs/w.txt' : path(random),
    text: random.pick(PIECES)(random).slice(0, 100_000),
    mode: random.pick([WriteMode.UNSPECIFIED, WriteMode.CREATE, WriteMode.REPLACE, WriteMode.APPEND]),
  };
  return told(rig.call(write, request, { run }));
});
