import { expect, test } from 'vitest';
import { commandFilter, seccompFilter } from './seccomp-filter.ts';

const ARCH = { x64: 0xc000003e, arm64: 0xc00000b7 };
const ALLOW = 'allow';

/** What the kernel does with the filter, after the manual of seccomp(2): one call judged. */
function judge(
  arch: 'x64' | 'arm64',
  number: number,
  args: readonly number[] = [],
  from = ARCH[arch],
  bounded = true,
): string {
  return judgeBy(seccompFilter(arch, bounded)!, number, args, from);
}

function judgeBy(filter: Uint8Array, number: number, args: readonly number[], from: number): string {
  const program = Buffer.from(filter);
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(from, 4);
  args.forEach((value, i) => {
    data.writeBigUInt64LE(BigInt(value), 16 + 8 * i);
  });
  let a = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, yes, no, k] = [
      program.readUInt16LE(at),
      program[at + 2]!,
      program[at + 3]!,
      program.readUInt32LE(at + 4),
    ];
    const jump = (is: boolean) => {
      at += 8 * (is ? yes : no);
    };
    if (code === 0x20) a = data.readUInt32LE(k);
    else if (code === 0x15) jump(a === k);
    else if (code === 0x35) jump(a >= k);
    else if (code === 0x45) jump((a & k) !== 0);
    else if (code === 0x06) return k === 0x7fff0000 ? ALLOW : k === 0x80000000 ? 'kill' : `errno ${k & 0xffff}`;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error('the program has no end');
}

test('dangerous calls are refused on both processors', () => {
  for (const [arch, calls] of [
    ['x64', { ptrace: 101, unshare: 272, mount: 165, bpf: 321, keyctl: 250, setns: 308, memfd_create: 319 }],
    ['arm64', { ptrace: 117, unshare: 97, mount: 40, bpf: 280, keyctl: 219, setns: 268, memfd_create: 279 }],
  ] as const) {
    for (const [name, number] of Object.entries(calls)) expect([name, judge(arch, number)]).toEqual([name, 'errno 1']);
    expect(judge(arch, 435)).toBe('errno 38');
    expect(judge(arch, 425)).toBe('errno 38');
    expect(judge(arch, arch === 'x64' ? 206 : 0)).toBe('errno 38');
  }
});

test('ordinary calls are allowed: read, write, openat, mmap, execve, wait4, futex, exit_group, epoll_pwait', () => {
  for (const number of [0, 1, 257, 9, 59, 61, 202, 231, 281]) expect(judge('x64', number)).toBe(ALLOW);
  for (const number of [63, 64, 56, 222, 221, 260, 98, 94, 22]) expect(judge('arm64', number)).toBe(ALLOW);
});

test('clone makes processes and threads, and no namespace', () => {
  const THREAD = 0x3d0f00;
  for (const [arch, clone] of [
    ['x64', 56],
    ['arm64', 220],
  ] as const) {
    expect(judge(arch, clone, [17])).toBe(ALLOW);
    expect(judge(arch, clone, [THREAD])).toBe(ALLOW);
    for (const flag of [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
      expect(judge(arch, clone, [flag | 17])).toBe('errno 1');
  }
});

test('sockets are of the three ordinary families, and no terminal is written to for another', () => {
  for (const family of [1, 2, 10]) expect(judge('x64', 41, [family, 1])).toBe(ALLOW);
  for (const family of [0, 16, 17, 38, 40, 44]) expect(judge('arm64', 198, [family, 1])).toBe('errno 97');
  expect(judge('x64', 16, [0, 0x5401])).toBe(ALLOW);
  for (const word of [0x5412, 0x541c]) expect(judge('x64', 16, [0, word])).toBe('errno 1');
  expect(judge('x64', 135, [0xffffffff])).toBe(ALLOW);
  expect(judge('x64', 135, [0x0040000])).toBe('errno 1');
});

test('without a cgroup what hides memory from a look at the processes is refused; with one it is not', () => {
  for (const [arch, hiding, fcntl, setsockopt, socket] of [
    ['x64', [40, 275, 276, 278], 72, 54, 41],
    ['arm64', [71, 75, 76, 77], 25, 208, 198],
  ] as const) {
    const loose = (number: number, args?: readonly number[]) => judge(arch, number, args, ARCH[arch], false);
    for (const number of hiding) expect([loose(number), judge(arch, number)]).toEqual(['errno 38', ALLOW]);
    expect([loose(fcntl, [3, 1031]), judge(arch, fcntl, [3, 1031])]).toEqual(['errno 1', ALLOW]);
    expect(loose(fcntl, [3, 2])).toBe(ALLOW);
    for (const option of [7, 8, 32, 33]) expect(loose(setsockopt, [3, 1, option])).toBe('errno 0');
    expect([loose(socket, [1, 1]), loose(socket, [2, 1]), loose(socket, [10, 1])]).toEqual([
      ALLOW,
      'errno 97',
      'errno 97',
    ]);
  }
});

test('calls in the numbers of another processor never pass', () => {
  expect(judge('x64', 101, [], 0x40000003)).toBe('kill');
  expect(judge('arm64', 0, [], 0x40000028)).toBe('kill');
  expect(judge('x64', 0x40000000 + 101)).toBe('errno 38');
});

test('a command makes no namespace and no memory of nobody, and has all else', () => {
  for (const [arch, refused, clone, socket, allowed] of [
    ['x64', [272, 308, 165, 428, 429, 319, 447, 29, 68, 64, 240], 56, 41, [0, 1, 9, 59, 101, 257, 310]],
    ['arm64', [97, 268, 40, 428, 429, 279, 447, 194, 186, 190, 180], 220, 198, [63, 64, 221, 222, 117]],
  ] as const) {
    const filter = commandFilter(arch)!;
    const of = (number: number, args: readonly number[] = [], from = ARCH[arch]) => judgeBy(filter, number, args, from);
    for (const number of refused) expect([number, of(number)]).toEqual([number, 'errno 1']);
    for (const number of allowed) expect([number, of(number)]).toEqual([number, ALLOW]);
    expect(of(clone, [17])).toBe(ALLOW);
    for (const flag of [0x80, 0x20000, 0x2000000, 0x10000000, 0x40000000]) expect(of(clone, [flag])).toBe('errno 1');
    expect(of(435)).toBe('errno 38');
    for (const family of [1, 2, 10, 16]) expect(of(socket, [family])).toBe(ALLOW);
    expect(of(socket, [40])).toBe('errno 97');
    expect(of(0, [], 0x40000003)).toBe('kill');
  }
  expect(judgeBy(commandFilter('x64')!, 0x40000000 + 272, [], ARCH.x64)).toBe('errno 38');
});

test('a processor without a table has no filter', () => {
  expect(commandFilter('riscv64')).toBeUndefined();
  expect(seccompFilter('riscv64')).toBeUndefined();
});
