import { expect, test } from 'vitest';
import { pathsInWords } from './word-paths.ts';
import { conflictAmong, conflictOf } from './write-or-run.ts';

const named = (word: string) => pathsInWords([word], '/cwd').map(({ path }) => path);

test.each([
  '--file=/w/甲.mk',
  '-f/w/甲.mk',
  '-xzf/w/甲.mk',
  'if=/w/甲.mk',
  'a:/w/甲.mk',
  '-Wl,/w/甲.mk',
  '-d@/w/甲.mk',
  '+source /w/甲.mk',
  'file:///w/甲.mk',
  'file://localhost/w/甲.mk',
  'cd / && sh /w/甲.mk; true',
  'x="$(cat \'/w/甲.mk\')"',
  'sh /w/"甲".mk',
  'sh /w/\\甲.mk',
  'sh ~/w/甲.mk',
  '--file=../w/甲.mk',
  '-f../w/甲.mk',
  '/w/x/../甲.mk',
])('%s means a path, and conflicts where that may be written', (word) => {
  expect(named(word)).toContain('/w/甲.mk');
  for (const writable of [
    { realPath: '/w/甲.mk', folder: false },
    { realPath: '/w', folder: true },
  ]) {
    expect(conflictOf({ argv: ['x', word], cwd: '/cwd', env: {} }, [writable])).toMatch(/may be written/);
    expect(conflictOf({ argv: ['x'], cwd: '/cwd', env: { A: word } }, [writable])).toMatch(/may be written/);
  }
});

test.each(['/data/w/甲.mk', '--file=/data/w/甲.mk', 'docs/w/甲.mk', '/w2/甲.mk', 'cat /data/w/甲.mk'])(
  '%s does not',
  (word) => {
    const writable = [{ realPath: '/w', folder: true }];
    expect(conflictOf({ argv: ['x', word], cwd: '/cwd', env: { A: word } }, writable)).toBeUndefined();
  },
);

test('the paths of a command are bounded, and a long script says what to do', () => {
  expect(named('a '.repeat(1000)).length).toBeLessThan(8192);
  const entry = {
    argv: ['sh', '-c', Array.from({ length: 9000 }, (_, n) => n).join(' ')],
    cwd: '/',
    env: {},
    writes: [],
  };
  expect(conflictAmong({ write: [], execute: [entry], notify: undefined })).toMatchObject({
    at: ['allow', 'execute', 0],
    problem: expect.stringContaining('put a long script in a file'),
  });
});

test('what one command changes is no program, word or folder of another, nor of what tells the owner; its own it may use', () => {
  const entry = (argv: string[], more = {}) => ({ argv, cwd: undefined, env: {}, writes: [] as string[], ...more });
  const maker = entry(['make', '-C', '/w'], { cwd: '/w', writes: ['/w'] });
  const among = (other: ReturnType<typeof entry>, command = ['tell']) =>
    conflictAmong({ write: [], execute: [maker, other], notify: { command } })?.at;
  expect(among(entry(['cat', '/data/x']))).toBeUndefined();
  expect(among(entry(['test', '/w/x'], { cwd: '/w', writes: ['/w'] }))).toBeUndefined();
  for (const other of [
    entry(['/w/tool']),
    entry(['sh', '-c', 'sh /w/x']),
    entry(['ls'], { cwd: '/w/deep' }),
    entry(['ls'], { env: { PYTHONPATH: '/lib:/w/lib' } }),
  ])
    expect(among(other), JSON.stringify(other)).toEqual(['allow', 'execute', 1]);
  expect(among(entry(['ls']), ['/w/tell', '{title}'])).toEqual(['notify', 'command']);
});
