// SECURITY.md rule 1's attacker: whoever may send signed tool calls (a compromised control plane, a model that follows
// instructions in a page) against a file that was not shared. Everything that leaves goes through real frames.
import { linkSync, lutimesSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { create, type DescMethod, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { ConnectRequestSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { WithheldReason } from '../../gen/bowline/run/v1/run_pb.ts';
import { type CallOptions, type EdgeRig, edgeFolder, edgeRig } from '../support/edge-rig.ts';

const { read, list, stat, search, write } = FsService.method;
const { run } = ShellService.method;

const SECRET = 'vkqwe-zxmpl-trnby-hds';
const PROSE = `# Notes of the expedition

The expedition has several stations along the coast and each keeps its own book of supplies.
${'Weather was fair and nothing of note happened on this long and quiet day at sea.\n'.repeat(30)}
`;
const vault = (secret: string, tail = '') => `${PROSE}\nthe code of the vault is ${secret}\n${tail}`;

const CONFIG = `allow:
  write: [{path: DIR/docs/out.txt, confirm: never}]
  execute:
    - {argv: [grep, -c, '{word}', '{path}'], cwd: /, confirm: never, isolation: none}
    - {argv: [wc, '{path}'], cwd: /, confirm: never, isolation: none}
`;

async function world(secret: string, tail = ''): Promise<EdgeRig> {
  const dir = edgeFolder({ 'docs/vault.md': vault(secret, tail), 'docs/open.md': 'an open page\nwith two lines\n' });
  symlinkSync('vault.md', join(dir, 'docs/link.md'));
  linkSync(join(dir, 'docs/vault.md'), join(dir, 'docs/same.md'));
  for (const name of ['vault.md', 'open.md', 'link.md', ''])
    lutimesSync(join(dir, 'docs', name), 1_700_000_000, 1_700_000_000);
  return edgeRig(dir, { config: CONFIG });
}

/** Everything that a call lets the other side see, without times, ids and the keyed hash. */
async function seen<D extends DescMethod>(
  rig: EdgeRig,
  method: D,
  request: MessageInitShape<D['input']>,
  how: CallOptions,
): Promise<string> {
  const { result, progress, messages } = await rig.call(method, request, { job: 'j/0/0', ...how });
  const { answer, withheld, egress } = result;
  const failure = answer.case === 'done' ? answer.value.failure : answer.value;
  const view = {
    answer: answer.case,
    failure,
    messages,
    progress: progress.length,
    withheld,
    egress: egress.map(({ path, field, sensitivity, bytes, grant, recipients }) => ({
      path,
      field,
      sensitivity,
      bytes,
      grant,
      recipients,
    })),
  };
  return JSON.stringify(view, (_, value: unknown) => {
    return typeof value === 'bigint' ? `${value}` : value;
  });
}

/** One of everything that an attacker could try, about any of the names of the file. */
function* probes(): Generator<(rig: EdgeRig, how: CallOptions) => Promise<string>> {
  for (const path of ['docs/vault.md', 'docs/link.md', 'docs/same.md']) {
    yield (rig, how) => seen(rig, read, { path }, how);
    yield (rig, how) => seen(rig, stat, { path }, how);
    yield (rig, how) => seen(rig, list, { path }, how);
    for (const range of [
      { startLine: 1 },
      { endLine: 36 },
      { startLine: 36, endLine: 36 },
      { startLine: 9999 },
      { maxBytes: 1 },
    ]) {
      yield (rig, how) => seen(rig, read, { path, ...range }, how);
    }
    for (const terms of [
      ['vault'],
      ['code of the vault is v'],
      ['v'],
      ['vk'],
      ['zz'],
      [SECRET],
      [SECRET, 'station'],
      ['stations'],
      ['tation'],
    ]) {
      yield (rig, how) => seen(rig, search, { path, terms }, how);
      yield (rig, how) => seen(rig, search, { path, terms, pageSize: 1 }, how);
    }
    for (const word of [SECRET, 'vkqwe', 'the', 'q']) {
      yield (rig, how) => seen(rig, run, { argv: ['grep', '-c', word, path] }, how);
    }
    yield (rig, how) => seen(rig, run, { argv: ['wc', path] }, how);
    yield (rig, how) => seen(rig, write, { path, text: '', mode: WriteMode.APPEND }, how);
  }
  for (const glob of ['*', 'v*', '*.md', '**/*']) {
    yield (rig, how) => seen(rig, search, { glob, terms: ['vk'] }, how);
    yield (rig, how) => seen(rig, search, { glob, terms: ['stations', 'vk'] }, how);
    yield (rig, how) => seen(rig, list, { glob, recursive: true }, how);
  }
  yield (rig, how) => seen(rig, list, { recursive: true, pageSize: 1 }, how);
  yield (rig, how) => seen(rig, search, { terms: ['page'] }, how);
}

test('nothing that leaves the box depends on what an ungranted file holds', async () => {
  const worlds = [
    await world(SECRET),
    await world('another-secret-of-another-length-altogether'),
    await world('x', 'more lines\n'.repeat(20)),
  ];
  // A run of the owner, one with another file shared, and one that the edge did not start.
  const runs = await Promise.all(
    worlds.map(async (rig) => [
      { run: (await rig.ask('What do the notes of the stations say?')).run },
      { run: (await rig.ask('What do the notes of the stations say?', ['docs/open.md'])).run },
      { run: 'mesh', recipient: '' },
    ]),
  );
  for (const kind of [0, 1, 2]) {
    for (const probe of probes()) {
      const views = await Promise.all(worlds.map((rig, i) => probe(rig, runs[i]![kind]!)));
      const plain = views.map((view, i) => view.replaceAll(grantsOf(worlds[i]!, runs[i]![kind]!.run), 'grant'));
      expect(plain[1]).toBe(plain[0]);
      expect(plain[2]).toBe(plain[0]);
      expect(plain[0]).not.toContain('code of the vault');
    }
  }
  await Promise.all(worlds.map((rig) => rig.close()));
}, 120_000);

const grantsOf = (rig: EdgeRig, run: string): string =>
  rig.grants.list().find((grant) => grant.run === run)?.id ?? 'no grant at all';

test('an adaptive attacker spells out nothing, whether the run is the owner’s or not', async () => {
  const rig = await world(SECRET);
  const own = (await rig.ask('What do the notes of the stations say about the vault?')).run;
  for (const run of [own, 'mesh']) {
    let known = '';
    for (let position = 0; position < 3; position++) {
      const hits: string[] = [];
      for (const letter of 'abcdefghijklmnopqrstuvwxyz-') {
        const terms = [`the code of the vault is ${known}${letter}`, `${known}${letter}`];
        const { messages, failure } = await rig.call(search, { path: 'docs/vault.md', terms }, { run });
        if (failure === undefined && (messages[0]?.matches.length ?? 0) > 0) hits.push(letter);
      }
      // Names may match; a letter is known only when it alone gives a hit.
      if (hits.length === 1) known += hits[0];
    }
    expect(SECRET.startsWith(known) && known !== '').toBe(false);
  }
  await rig.close();
}, 60_000);

test('words of the ask are searched for in ungranted files, whole words only, at most twenty, and only names come out', async () => {
  const words = Array.from({ length: 25 }, (_, i) => `word${String.fromCharCode(97 + i)}`);
  const rig = await world(SECRET);
  const { run } = await rig.ask(`Which notes speak of stations? ${words.join(' ')}`);
  const found = await rig.call(search, { terms: ['Stations'] }, { run });
  expect(found.messages[0]?.matches.map(({ file, line, text }) => [file?.path, line, text])).toEqual([
    ['docs/same.md', 0, ''],
    ['docs/vault.md', 0, ''],
  ]);
  expect((await rig.call(search, { terms: ['station'] }, { run })).failure).toBe('TERM_NOT_IN_ASK');
  for (const word of words.slice(0, 19)) await rig.call(search, { terms: [word] }, { run });
  expect((await rig.call(search, { terms: [words[20]!] }, { run })).failure).toBe('SEARCH_BUDGET');
  expect((await rig.call(search, { terms: ['stations'] }, { run })).messages[0]?.matches).toHaveLength(2);
  const mesh = await rig.call(search, { terms: ['stations'] }, { run: 'mesh' });
  expect(mesh.failure).toBe('TERM_NOT_IN_ASK');
  await rig.close();
});

test('lines outside a shared range stay on the box: not by reading, searching or counting', async () => {
  const views: string[] = [];
  for (const secret of [SECRET, 'short']) {
    const rig = await world(secret);
    const { run } = await rig.ask('What is in the first lines?', ['docs/vault.md#L1-L3']);
    const part: string[] = [];
    for (const request of [
      {},
      { startLine: 1, endLine: 3 },
      { startLine: 2 },
      { startLine: 4 },
      { startLine: 36, endLine: 36 },
      { maxBytes: 40 },
    ]) {
      part.push(await seen(rig, read, { path: 'docs/vault.md', ...request }, { run }));
    }
    for (const terms of [['vault is'], [secret], ['Notes'], ['expedition']]) {
      part.push(await seen(rig, search, { path: 'docs/vault.md', terms }, { run }));
    }
    part.push(await seen(rig, stat, { path: 'docs/vault.md' }, { run }));
    const whole = await rig.call(read, { path: 'docs/vault.md' }, { run });
    expect(whole.messages[0]?.text.split('\n')).toHaveLength(4);
    expect(whole.messages[0]?.totalLines).toBe(0);
    expect(whole.result.withheld.find(({ field }) => field === 'total_lines')?.why).toBe(WithheldReason.RANGE);
    views.push(part.join('\n').replaceAll(grantsOf(rig, run), 'grant').replaceAll(secret, 'secret'));
    expect(part.join('\n')).not.toContain('code of the vault');
    await rig.close();
  }
  expect(views[1]).toBe(views[0]);
});

test('a grant is for its run, its recipient and its time', async () => {
  const rig = await world(SECRET);
  const { run, grant } = await rig.ask('Read it', ['docs/vault.md'], ['openai']);
  const text = async (how: CallOptions) =>
    (await rig.call(read, { path: 'docs/vault.md' }, how)).messages[0]?.text ?? '';
  expect(await text({ run, recipient: 'openai' })).toContain(SECRET);
  expect(await text({ run, recipient: 'rules' })).toBe('');
  expect(await text({ run, recipient: '' })).toBe('');
  expect(await text({ run: 'mesh', recipient: 'openai' })).toBe('');
  rig.grants.end(grant, 'ANSWERED');
  expect(await text({ run, recipient: 'openai' })).toBe('');
  await rig.close();
});

test('frames from outside the gate carry no content', async () => {
  const rig = await world(SECRET);
  const frame = rig.gate.frame(
    create(ConnectRequestSchema, {
      frame: { case: 'toolProgress', value: { job: 'j', response: Buffer.from(SECRET) } },
    }),
  );
  expect(Buffer.from(toBinary(ConnectRequestSchema, frame)).toString('latin1')).not.toContain(SECRET);
  await rig.close();
});
