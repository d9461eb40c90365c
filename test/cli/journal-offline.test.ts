// `journal verify` on a home whose edge does not run: it reads the files themselves.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { openEdgeJournal } from '../../src/edge/journal/edge-journal.ts';
import { edgeFolder, edgeRig } from '../support/edge-rig.ts';
import { cli } from '../support/run-cli.ts';

// Each command is a process that starts anew; on a machine that is busy that takes its time.
vi.setConfig({ testTimeout: 90_000 });

test('a journal is checked while no edge runs; damage is told with its place, and nothing is changed', async () => {
  const dir = edgeFolder();
  const rig = await edgeRig(dir);
  await rig.ask('One question');
  await rig.ask('Another question');
  await rig.close();
  const verify = () => cli(['journal', 'verify', '--json'], { cwd: dir, home: rig.home });

  const sound = await verify();
  expect([sound.code, JSON.parse(sound.stdout)]).toMatchObject([0, { ok: true, segments: 1, problem: '' }]);

  const [name = ''] = readdirSync(join(rig.home, 'journal'));
  const file = join(rig.home, 'journal', name);
  const bytes = readFileSync(file);
  const at = bytes.indexOf('One question');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  const broken = await verify();
  expect(broken.code).toBe(6);
  expect(JSON.parse(broken.stdout)).toMatchObject({ ok: false, problem: expect.stringContaining(name) });
  expect(readFileSync(file)).toEqual(bytes);
});

test('an end that is damaged is told before the next start takes it out, and after it', async () => {
  const dir = edgeFolder();
  const rig = await edgeRig(dir);
  await rig.ask('One question');
  await rig.close();
  const folder = join(rig.home, 'journal');
  const [name = ''] = readdirSync(folder);
  const bytes = readFileSync(join(folder, name));
  const last = bytes.findLastIndex((byte) => byte !== 0);
  bytes[last - 10]! ^= 1;
  writeFileSync(join(folder, name), bytes);
  const before = await cli(['journal', 'verify'], { cwd: dir, home: rig.home });
  expect([before.code, before.stdout]).toEqual([6, expect.stringMatching(/checksum is wrong.*keeps it aside/s)]);
  await (await edgeRig(dir)).close();
  const after = await cli(['journal', 'verify'], { cwd: dir, home: rig.home });
  expect([after.code, after.stdout]).toEqual([
    0,
    expect.stringMatching(/^sound.*taken out of the journal: .*\.damaged/s),
  ]);
});

test('the archive of the ledger is checked too: how far it goes, and that it is gone', async () => {
  const dir = edgeFolder();
  const home = join(dir, 'home');
  const folder = join(home, 'journal');
  const log = silentLogger;
  const journal = await openEdgeJournal(folder, { clock: systemClock, log, onFatal: () => {}, segmentBytes: 4096 });
  const entries = [{ path: 'docs/a.md', field: 'text', bytes: 7n, run: 'r', recipients: ['rules'] }];
  for (let n = 0; n < 100; n++) await journal.append([{ case: 'ledger', value: { entries } }]);
  await journal.prune(0);
  const { firstSequence } = journal;
  await journal.close();
  const sound = await cli(['journal', 'verify', '--json'], { cwd: dir, home });
  const lines = firstSequence - 1;
  const ledger = { firstSequence: 1, lastSequence: lines, lines, bytes: 7 * lines, droppedLines: 0 };
  expect([sound.code, JSON.parse(sound.stdout)]).toMatchObject([0, { ok: true, ledger }]);
  const told = await cli(['journal', 'verify'], { cwd: dir, home });
  expect(told.stdout).toMatch(new RegExp(`ledger +${lines} lines of records 1 to ${lines} archived in 1 segment`));
  rmSync(join(folder, 'ledger'), { recursive: true });
  const gone = await cli(['journal', 'verify'], { cwd: dir, home });
  expect([gone.code, gone.stdout]).toEqual([6, expect.stringMatching(new RegExp(`ledger.*gone, and ${lines} lines`))]);
});

test('the ledger is read while no edge runs, to its first line, in whole groups and with its archive', async () => {
  const dir = edgeFolder();
  const home = join(dir, 'home');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'owner.key'), `bwo_${'0'.repeat(32)}\n`, { mode: 0o600 });
  const folder = join(home, 'journal');
  const log = silentLogger;
  const journal = await openEdgeJournal(folder, { clock: systemClock, log, onFatal: () => {}, segmentBytes: 4096 });
  for (let n = 0; n < 100; n++) {
    const line = (field: string, bytes: bigint) => ({
      path: 'docs/a.md',
      field,
      bytes,
      run: `r${n}`,
      recipients: ['rules'],
    });
    await journal.append([{ case: 'ledger', value: { entries: [line('text', 200n), line('file.path', 8n)] } }]);
  }
  await journal.prune(0);
  const { firstSequence } = journal;
  await journal.close();
  expect(firstSequence).toBeGreaterThan(50);
  const ls = (...words: string[]) => cli(['egress', 'ls', ...words], { cwd: dir, home });
  const all = await ls('--json', '-n', '1000');
  const told: { run: string; bytes: number }[] = JSON.parse(all.stdout);
  expect(told.map(({ run }) => run)).toEqual(Array.from({ length: 200 }, (_, i) => `r${99 - Math.floor(i / 2)}`));
  expect(told.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(100 * 208);
  expect(all.stderr).toContain('the edge does not run; this is read from its journal');
  const three = await ls('-n', '3');
  expect(three.stdout.match(/208 bytes/g)).toHaveLength(3);
  expect(three.stderr).toContain('older ones are left out');
  expect(JSON.parse((await ls('--run', 'r0', '--json')).stdout)).toHaveLength(2);
});

test('what left is shown, summed by month and exported while no edge runs', async () => {
  const dir = edgeFolder({ 'docs/会议 记录.md': '一\n二\n三\n四\n', 'docs/=b,"c".md': 'x'.repeat(3000) });
  const rig = await edgeRig(dir);
  writeFileSync(join(rig.home, 'owner.key'), `bwo_${'0'.repeat(32)}\n`, { mode: 0o600 });
  const { run, grant } = await rig.ask('Which?', ['docs/会议 记录.md#L2-L3', 'docs/=b,"c".md']);
  const { read } = FsService.method;
  await rig.call(read, { path: 'docs/会议 记录.md', startLine: 2, endLine: 3 }, { run, job: `${run}/1/0` });
  await rig.call(read, { path: 'docs/=b,"c".md' }, { run, job: `${run}/1/1` });
  await rig.close();
  const told = (...words: string[]) => cli(['egress', ...words], { cwd: dir, home: rig.home });

  const shown = await told('show', run.slice(-8));
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(new RegExp(`^run +${run}$`, 'm'));
  expect(shown.stdout).toMatch(/^content .*, of 2 files$/m);
  expect(shown.stdout).toMatch(/会议 记录\.md +text +content +8 +rules/);
  expect(shown.stdout).toMatch(/会议 记录\.md +2 to 3 +[0-9a-f]{64}/);
  expect(shown.stdout).toMatch(/=b,"c"\.md +all +[0-9a-f]{64}/);
  const job = await told('show', `${run.slice(-8)}/1/1`, '--json');
  const { lines, files } = JSON.parse(job.stdout);
  expect(new Set(lines.map((each: { job: string }) => each.job))).toEqual(new Set([`${run}/1/1`]));
  expect(files).toHaveLength(2);
  const under = JSON.parse((await told('show', grant.slice(-10), '--json')).stdout);
  expect(new Set(under.lines.map((each: { grant: string }) => each.grant))).toEqual(new Set([grant]));
  expect(await told('show', 'feedfeed')).toMatchObject({ code: 6, stderr: expect.stringContaining('NOT_FOUND') });

  const month = await told('month', '--json');
  const [rules] = JSON.parse(month.stdout).months.filter((sum: { to: string }) => sum.to === 'rules');
  expect(rules).toMatchObject({ files: 2, runs: 1 });
  expect((await told('month', rules.month)).stdout).toMatch(/^rules .*█.*\n[\s\S]*^OF/m);
  expect(await told('month', '2026-13')).toMatchObject({ code: 2 });

  const csv = (await told('export', '--csv')).stdout.trimEnd().split('\n');
  expect(csv[0]).toBe('time,run,job,path,field,kind,bytes,to,grant,counts');
  expect(csv.filter((row) => row.includes('"docs/=b,""c"".md"'))).not.toHaveLength(0);
  const all = (await told('export', '--json')).stdout.trimEnd().split('\n');
  expect(all).toHaveLength(csv.length - 1);
  expect(await told('export', '--json', '--since', '2100-01-01')).toMatchObject({ code: 0, stdout: '' });
  expect((await told('export', '--json', '--until', '2100-01-01T10:00')).stdout.trimEnd().split('\n')).toEqual(all);
  expect(await told('export')).toMatchObject({ code: 2, stderr: expect.stringContaining('--csv or --json') });
});

test('a home without a journal is told as one where nothing runs', async () => {
  const { code, stderr } = await cli(['journal', 'verify'], { cwd: '/', home: join(edgeFolder(), 'home') });
  expect([code, stderr]).toEqual([6, expect.stringContaining('(NOT_RUNNING)')]);
});
