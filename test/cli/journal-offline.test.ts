// `journal verify` on a home whose edge does not run: it reads the files themselves.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
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

test('a home without a journal is told as one where nothing runs', async () => {
  const { code, stderr } = await cli(['journal', 'verify'], { cwd: '/', home: join(edgeFolder(), 'home') });
  expect([code, stderr]).toEqual([6, expect.stringContaining('(NOT_RUNNING)')]);
});
