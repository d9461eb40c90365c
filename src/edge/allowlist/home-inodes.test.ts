// The home is known by its inodes, and an inode that it gave up is nobody's for long: what takes it is no file of the home.
import {
  type BigIntStats,
  closeSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { HomeInodes, inodeKey } from './home-inodes.ts';
import { lookByName } from './look-by-name.ts';

function folders(): { home: string; docs: string } {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'home-inodes-')));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ['home', 'home/a', 'home/b', 'docs']) mkdirSync(join(dir, name));
  return { home: join(dir, 'home'), docs: join(dir, 'docs') };
}

const look = (path: string) => lstatSync(path, { bigint: true });

/** The file that a system which gives inodes out again at once would make: the one there, under the number of another. */
const withInode = (stat: BigIntStats, { ino }: BigIntStats): BigIntStats =>
  Object.assign(Object.create(Object.getPrototypeOf(stat)), stat, { ino });

test('an allowed file that has the inode of a file which left the home a moment ago is no file of the home', async () => {
  const { home, docs } = folders();
  for (const gone of [unlinkSync, (path: string) => renameSync(path, join(docs, 'moved'))]) {
    writeFileSync(join(home, 'a/x.tmp'), 'a');
    const before = look(join(home, 'a/x.tmp'));
    const inodes = new HomeInodes([home], () => 0);
    expect(await inodes.holds(before)).toBe(true);
    gone(join(home, 'a/x.tmp'));
    writeFileSync(join(docs, 'log.txt'), 'b');
    expect(await inodes.holds(withInode(look(join(docs, 'log.txt')), before))).toBe(false);
  }
});

test('a file of the home is one of it however it moves there, also while it is looked for', async () => {
  const { home } = folders();
  let at = join(home, 'a/x');
  writeFileSync(at, 'a');
  const file = openSync(at, 'r');
  onTestFinished(() => closeSync(file));
  const inodes = new HomeInodes([home]);
  expect(await inodes.holds(fstatSync(file, { bigint: true }))).toBe(true);
  let stop = false;
  const moving = (async () => {
    for (let n = 0; !stop; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      const to = join(home, n % 2 ? 'a' : 'b', `x${n % 5}`);
      renameSync(at, to);
      at = to;
    }
  })();
  onTestFinished(async () => {
    stop = true;
    await moving;
  });
  // It may be that the home does not hold still: then nothing is told. Never that it is no file of the home.
  for (let n = 0; n < 3; n++) {
    const told = await inodes
      .holds(fstatSync(file, { bigint: true }))
      .catch((error: { reason: string }) => error.reason);
    expect([true, 'FILE_CHANGED']).toContain(told);
  }
  stop = true;
  await moving;
  expect(await inodes.holds(fstatSync(file, { bigint: true }))).toBe(true);
});

test('whatever is made, removed, moved and linked, a name is denied when it is one of the home now, and else not', async () => {
  const step = fc.record({
    what: fc.constantFrom('make', 'remove', 'rename', 'link', 'out'),
    from: fc.nat(3),
    to: fc.nat(3),
    late: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const { home, docs } = folders();
      let now = 0;
      const inodes = new HomeInodes([home], () => now);
      const denials = { identity: (stat: BigIntStats) => inodes.holds(stat) };
      const [inHome, outside] = [
        [0, 1, 2, 3].map((n) => join(home, n % 2 ? 'a' : 'b', `h${n}`)),
        [0, 1, 2, 3].map((n) => join(docs, `d${n}`)),
      ];
      const quiet = (act: () => void) => {
        try {
          act();
        } catch {
          // The name is there, or is not.
        }
      };
      for (const { what, from, to, late } of steps) {
        if (late) now += 1000;
        const [h, other, d] = [inHome[from]!, inHome[to]!, outside[to]!];
        if (what === 'make') quiet(() => writeFileSync(h, 'x'));
        else if (what === 'remove') quiet(() => unlinkSync(h));
        else if (what === 'rename') quiet(() => renameSync(h, other));
        else if (what === 'link') quiet(() => linkSync(h, d));
        else {
          // As fs.Write does: a new inode, often the one that was given up last.
          writeFileSync(`${d}.tmp`, 'y');
          renameSync(`${d}.tmp`, d);
        }
        const ofHome = new Set(
          inHome.flatMap((path) => lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? []).map(inodeKey),
        );
        for (const path of outside) {
          const there = lstatSync(path, { bigint: true, throwIfNoEntry: false });
          const told = await lookByName(path, denials).then(
            (stat) => (stat ? 'allowed' : 'absent'),
            (error: { reason: string }) => error.reason,
          );
          expect(told).toBe(!there ? 'absent' : ofHome.has(inodeKey(there)) ? 'PATH_NOT_ALLOWED' : 'allowed');
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('a name whose file went while the home was looked at is judged by the file that has it then', async () => {
  const { docs } = folders();
  const path = join(docs, 'log.txt');
  writeFileSync(path, 'old');
  const old = look(path);
  let asked = 0;
  const identity = async (stat: BigIntStats) => {
    if (asked++ > 0) return false;
    expect(inodeKey(stat)).toBe(inodeKey(old));
    writeFileSync(`${path}.tmp`, 'new');
    renameSync(`${path}.tmp`, path);
    return true;
  };
  expect(inodeKey((await lookByName(path, { identity }))!)).toBe(inodeKey(look(path)));
  await expect(lookByName(path, { identity: async () => true })).rejects.toMatchObject({ reason: 'PATH_NOT_ALLOWED' });
});
