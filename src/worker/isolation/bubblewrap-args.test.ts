import { expect, test } from 'vitest';
import { type Bubblewrap, bubblewrapArgs } from './bubblewrap-args.ts';

const BUBBLEWRAP: Bubblewrap = {
  program: '/usr/bin/bwrap',
  system: ['--ro-bind', '/usr/bin', '/usr/bin'],
  proc: true,
  usersOff: true,
  filter: new Uint8Array(8),
  as: undefined,
};
const CALL = {
  argv: ['/bin/echo', '--', '$(id)', '-c'],
  env: { A: '1' },
  mounts: [{ from: '/node', to: '/opt/bin/node' }],
  files: ['/tmp/work/a', '/tmp/work/b/c'],
  limits: { wallMs: 1, cpuMs: 1500, memoryBytes: 1, processes: 7, outputBytes: 1, diskBytes: 4096 },
  userProcesses: 8,
  dataBytes: undefined,
};

test('every namespace is its own, nothing is inherited, and the root is closed last of all', () => {
  const args = bubblewrapArgs(BUBBLEWRAP, CALL);
  for (const option of ['--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--disable-userns'])
    expect(args).toContain(option);
  expect(args).not.toContain('--share-net');
  expect(args.slice(args.indexOf('--cap-drop'))[1]).toBe('ALL');
  const closing = args.indexOf('--remount-ro');
  expect(args[closing + 1]).toBe('/');
  for (const option of ['--ro-bind', '--file', '--tmpfs', '--symlink', '--dir', '--proc'])
    expect(args.lastIndexOf(option)).toBeLessThan(closing);
  expect(args.some((word) => word === '--bind' || word === '--dev-bind-try')).toBe(false);
});

test('what is written has its size', () => {
  const args = bubblewrapArgs(BUBBLEWRAP, CALL);
  expect(args.filter((word) => word === '--tmpfs')).toHaveLength(1);
  expect(args.slice(args.indexOf('--size'), args.indexOf('--size') + 6)).toEqual([
    ...['--size', '4096', '--perms', '0700', '--tmpfs', '/tmp'],
  ]);
});

test('words from outside are words of the program alone, never of bubblewrap or of a shell', () => {
  const args = bubblewrapArgs(BUBBLEWRAP, CALL);
  expect(args.slice(-4)).toEqual(CALL.argv);
  const script = args[args.indexOf('-c') + 1]!;
  expect(script).not.toContain('$(id)');
  expect(args.indexOf('--')).toBeLessThan(args.indexOf('/bin/sh'));
  expect(args.slice(args.indexOf(script) + 2, -4)).toEqual(['3', '4', 'unlimited', '8', '512']);
});

test('where the kernel allows less, the filter stands alone', () => {
  const args = bubblewrapArgs({ ...BUBBLEWRAP, proc: false, usersOff: false }, CALL);
  expect(args).not.toContain('--proc');
  expect(args).not.toContain('--disable-userns');
  expect(args).toContain('--seccomp');
});
