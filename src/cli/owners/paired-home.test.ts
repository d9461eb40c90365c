// A home that is paired with a box elsewhere: what it is told where it has no box of its own, and where it got one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import type { CliIo } from '../io.ts';
import { reportError } from '../report-error.ts';
import { approvalsSide } from './approvals-side.ts';
import { keepPairedBox } from './paired-boxes.ts';

function pairedHome() {
  const home = mkdtempSync(join(tmpdir(), 'paired-home-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const paths = homePaths(home);
  const texts = { key: '', name: '', tenant: '', deviceKey: '', signingKey: '', sealingKey: '' };
  keepPairedBox(paths.paired, { ...texts, device: 'd', deviceName: '书房', control: 'http://127.0.0.1:1' });
  const said: string[] = [];
  const io = { env: {}, stderr: { write: (text: string) => said.push(text) > 0 }, exit: () => {} } as Partial<CliIo>;
  return { home, paths, io: io as CliIo, said: () => said.splice(0).join('') };
}

test('a command about a box says where the box is, not how to start one here', () => {
  const { home, paths, io, said } = pairedHome();
  reportError(new AppError('NOT_RUNNING', { where: paths.socket, home }), io, { home, json: false });
  const told = said();
  expect(told).toContain('paired with 书房');
  expect(told).not.toContain('start it with');
  reportError(new AppError('NOT_RUNNING', { where: 'http://127.0.0.1:1', home }), io, { home, json: false });
  expect(said()).toContain('the control plane does not run with this home');
});

test('once the home has a box it is said that the paired one is not meant', async () => {
  const { home, paths, io, said } = pairedHome();
  (await approvalsSide(io, { home })).close();
  expect(said()).toBe('');
  writeFileSync(paths.device, '{}', { mode: 0o600 });
  (await approvalsSide(io, { home })).close();
  expect(said()).toContain('not about 书房');
});
