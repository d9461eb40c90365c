// `ready` of an edge is true: it says whether the control plane has accepted the device, and is not said of an identity that is dead.
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import type { Program } from '../support/program.ts';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let stack: Stack;
let control: Program;
let edge: Program;

beforeAll(async () => {
  stack = await Stack.create({ 'notes.md': '# Notes\n' });
  stack.write('home/config.yaml', 'name: kitchen\n');
  await (await stack.control()).stop();
  cpSync(join(stack.home, 'control'), `${stack.dir}/before`, { recursive: true });
  control = await stack.control();
  edge = await stack.edge();
});

afterAll(() => stack?.close());

async function again(): Promise<Record<string, unknown>> {
  await edge.stop();
  edge = stack.start('edge', ['--allow', stack.docs]);
  return await edge.ready();
}

const connected = () =>
  eventually(async () => {
    const { stdout } = await stack.cli(['devices', 'ls', '--json']);
    return stdout.startsWith('[') && JSON.parse(stdout).some((each: { connected: boolean }) => each.connected);
  }, 30_000);

test('a device that was accepted says connected', async () => {
  expect(await edge.ready()).toMatchObject({ connection: 'connected' });
  expect(await again()).toMatchObject({ home: stack.home, connection: 'connected' });
  expect(edge.stderr).not.toMatch(/offline|refused/);
});

test('one that waits for its control plane says so, and goes on when that is there', async () => {
  await control.stop();
  expect(await again()).toMatchObject({ connection: 'offline' });
  expect(edge.stderr).toMatch(/offline: waiting for the control plane: .*ECONNREFUSED/);
  control = await stack.control();
  await connected();
});

test('one that is suspended is told so, and goes on when it is let back in', async () => {
  await stack.cli(['devices', 'suspend', 'kitchen']);
  expect(await again()).toMatchObject({ connection: 'offline' });
  await edge.until(/refused by the control plane: .*`bowline devices resume kitchen`/);
  await stack.cli(['devices', 'resume', 'kitchen']);
  await connected();
});

test('one that was removed, or is not known, ends with what to do, and is never ready', async () => {
  const dead = async (reason: string) => {
    await edge.stop();
    edge = stack.start('edge', ['--allow', stack.docs]);
    expect((await edge.ended).code, edge.output).toBe(5);
    expect(edge.stdout).toBe('');
    expect(edge.stderr).toContain(`(${reason})`);
    expect(edge.stderr).toMatch(/`bowline devices join-token`.*`bowline edge --join`/);
    const line = (await stack.cli(['devices', 'join-token'])).stdout;
    edge = stack.start('edge', ['--allow', stack.docs, '--join'], line);
    expect(await edge.ready()).toMatchObject({ connection: 'connected' });
  };
  const file = JSON.parse(readFileSync(join(stack.home, 'device.json'), 'utf8'));
  await stack.cli(['devices', 'remove', 'kitchen', '--yes']);
  await dead('DEVICE_REMOVED');
  // A database of before the device joined, as from a backup.
  await control.stop();
  const database = join(stack.home, 'control');
  rmSync(database, { recursive: true });
  cpSync(`${stack.dir}/before`, database, { recursive: true });
  control = await stack.control();
  await dead('DEVICE_UNKNOWN');
  expect(JSON.parse(readFileSync(join(stack.home, 'device.json'), 'utf8')).device).not.toBe(file.device);
});
