import { expect, test } from 'vitest';
import { ApprovalScope, ApprovalState, FileAction } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { asked, change, command, HASH, linesOf, NOW, RUN, SMALL } from '../../../test/support/shown-approvals.ts';
import { inert } from '../../base/inert.ts';
import { widthOf } from '../../base/text-columns.ts';
import { approvalEnd, approvalView, isAllowable, mayAllowRun, stepOf } from './approval-view.ts';
import { effectTitle } from './effect-lines.ts';
import { cutMiddle, seenLine, seenWord } from './seen-text.ts';

test('a change: what, where, the lines, why, from which ask, until when; readable without colours', () => {
  const { lines, isCut } = approvalView(change(SMALL), { columns: 80, rows: 24, now: NOW });
  expect(lines.map(({ text }) => text)).toEqual([
    'change docs/notes.md (+2 -1 lines)',
    '  real path   /home/ana/docs/notes.md',
    '  now         118 bytes, mode 644, inode 42, sha256 abababababab',
    '  then        210 bytes, mode 644, sha256 abababababab',
    '    @@ -1,2 +1,3 @@',
    '     title',
    '    -灯塔 is red',
    '    +灯塔 is blue',
    '    +and tall',
    '  this run    has read text that somebody else wrote, which may have led it here',
    '  because     config.yaml line 12 says confirm: always',
    '  for the ask “整理我的笔记”',
    expect.stringMatching(/^ {2}call {8}FsService\/Write, job 01a22c0d/),
    expect.stringMatching(/^ {2}waits {7}asked 3 min ago; silence is a no in 1 day \(20.*\)$/),
    '  id          0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11, digest abababababab',
  ]);
  expect(lines.map(({ style }) => style).slice(4, 9)).toEqual(['cyan', undefined, 'red', 'green', 'green']);
  expect(isCut).toBe(false);
});

test.each([
  ['\u202eexe.txt', '"\\u202eexe.txt"'],
  ['a\u200bb', '"a\\u200bb"'],
  ['a\u200db', '"a\\u200db"'],
  ['\x1b[2Jx', '"\\u001b[2Jx"'],
  ['two words', '"two words"'],
  ['two\nlines\r', '"two\\nlines\\r"'],
  ['', '""'],
  ['say "x" \\', '"say \\"x\\" \\\\"'],
  ['\\u202e', '"\\\\u202e"'],
  ['a\u00a0b', '"a\\u00a0b"'],
  ['\u3164', '"\\u3164"'],
  ['\u{e0041}', '"\\u{e0041}"'],
  ['x\ufe0f', '"x\\ufe0f"'],
  ['会议记录.md', '会议记录.md'],
  ['--force', '--force'],
  ['-rf;x', '"-rf;x"'],
  ['\u0301x', '"\\u0301x"'],
])('the word %j is shown as %s', (word, shown) => expect(seenWord(word)).toBe(shown));

test('words that differ never look the same', () => {
  const hostile = [
    'a b',
    'a\u00a0b',
    'a\tb',
    'a\\tb',
    'a\u2003b',
    'ab',
    'a\u200bb',
    'a\\u200bb',
    'a\u0000b',
    '"ab"',
    'a"b',
  ];
  expect(new Set(hostile.map(seenWord)).size).toBe(hostile.length);
  const lines = ['\\u202e', '\u202e', 'x ', 'x', 'x\\u{e0041}', 'x\u{e0041}'];
  expect(new Set(lines.map(seenLine)).size).toBe(lines.length);
});

test('nothing of a hostile name, diff, title or reason reaches the terminal as it is, and it is said', () => {
  const bad = '\x1b[31m\u202e\u200b\u2028\u0085\x07\u{e0041}';
  const all = [
    change(`@@ -1 +1 @@\n-a\n+${bad}\n`, `docs/${bad}.md`),
    command(['git', bad, 'two\nlines'], { env: [`X=${bad}`], stdin: `${bad}\n`, stdinSha256: HASH, limits: [bad] }),
    { ...change(''), title: bad, reason: bad, answeredBy: bad, method: bad, job: bad, id: bad },
  ];
  for (const approval of all) {
    const text = linesOf(approval).join('\n');
    expect(text).toBe(inert(text));
    expect(text).toContain('\\u202e');
    expect(text).toContain('that cannot be seen');
    expect(text.split('\n').every((line) => !/[\p{C}\u2028]/u.test(line))).toBe(true);
  }
});

test('a diff of code keeps its backslashes, shows tabs as arrows and blanks at an end', () => {
  expect(seenLine('printf("a\\n");\t// x  ')).toBe('printf("a\\n");→ // x··');
  const alike = ['a\tb', 'a→      b', 'a       b', 'x', 'x ', 'x·', 'x\t', 'x \t', 'x\t ', 'x\u3000'];
  expect(new Set(alike.map((line) => seenLine(line).trimEnd())).size).toBe(alike.length);
  expect(seenLine('a\u0301\u0301\u0301\u0301')).toBe('a\u0301\u0301\u0301\\u0301');
});

test.each([80, 120])('at %i columns it is one screen, whatever is in it; what is cut tells its length', (columns) => {
  const long = `@@ -1,100 +1,100 @@\n${Array.from({ length: 100 }, (_, i) => `+line ${i} ${'长'.repeat(200)}`).join('\n')}\n`;
  const name = `${'很长的名字'.repeat(60)}.md`;
  const preview = {
    exitCode: 0,
    changes: Array.from({ length: 30 }, (_, i) => ({ action: FileAction.CREATE, path: `out/${i}`, diff: long })),
    output: 'x\n'.repeat(100),
  };
  const all = [change(long), change(long, name), command(['git', 'x'.repeat(4_000), name], { preview })];
  for (const approval of all) {
    const { lines, isCut } = approvalView(approval, { columns, rows: 24, now: NOW });
    expect(lines.length).toBeLessThanOrEqual(42);
    for (const { text } of lines) expect(widthOf(text)).toBeLessThanOrEqual(columns);
    expect(isCut).toBe(true);
  }
  expect(linesOf(change(long), columns).length).toBeLessThanOrEqual(24);
  expect(linesOf(change(long), columns).join('\n')).toMatch(/… \d+ lines more …/);
  const whole = approvalView(change(long), { columns, rows: undefined, now: NOW });
  expect([whole.isCut, whole.lines.filter(({ text }) => text.startsWith('    +line')).length]).toEqual([false, 100]);
  for (const { text } of whole.lines) expect(widthOf(text)).toBeLessThanOrEqual(columns);
  const joined = whole.lines.map(({ text }) => text.replace(/^ {6}↪ /, '')).join('');
  expect(joined).toContain('长'.repeat(200));
});

test('the rest of a long line never begins as a row does', () => {
  const forged = `+${'x'.repeat(75)}${'  id          0190f3c2, digest abababababab'.padEnd(80)}`;
  const { lines } = approvalView(change(`@@ -1 +1 @@\n${forged}\n`), { columns: 80, rows: undefined, now: NOW });
  expect(lines.filter(({ text }) => text.startsWith('  id '))).toHaveLength(1);
});

test('what the box did not tell is said in the title and in the view, also where everything is shown', () => {
  const part = change(SMALL, 'big.md', { diffLinesCut: 24961n });
  for (const rows of [24, undefined]) {
    const view = approvalView(part, { columns: 80, rows, now: NOW });
    const text = view.lines.map(({ text }) => text.trim()).join(' ');
    expect([view.isPart, view.isCut]).toEqual([true, false]);
    expect(text).toContain('big.md (+2 -1 lines shown, 24961 lines NOT shown)');
    expect(text).toContain('the file will be 210 bytes, sha256 abababababab');
  }
});

test('where no lines are shown it is said why', () => {
  const state = (fill: number, bytes: bigint) => ({ sha256: new Uint8Array(32).fill(fill), bytes, mode: 0o644 });
  const told = (before: object | undefined, after: object) => linesOf(change('', 'a', { before, after })).join('\n');
  expect(told(state(1, 5n), state(1, 5n))).toContain('nothing changes');
  expect(told(undefined, state(1, 0n))).toContain('an empty file');
  expect(told(state(1, 5n), state(2, 5n))).toContain('binary or too large');
});

test('a long value loses its middle, and tells how long it is', () => {
  const cut = cutMiddle(`begin${'x'.repeat(500)}end`, 60);
  expect(cut).toMatch(/^begin.*… 508 characters ….*end$/);
  expect(widthOf(cut)).toBeLessThanOrEqual(60);
});

test('a command: its words one by one, program, folder, environment, files, limits and what a trial changed', () => {
  const text = linesOf(
    command(['git', 'commit', '-m', 'two words; rm -rf ~'], {
      env: ['A=1', 'B=x y'],
      files: [{ path: '/home/ana/run.sh', sha256: HASH }],
      noPreview: 'bubblewrap is not there',
    }),
  ).join('\n');
  expect(text).toContain('run git commit -m "two words; rm -rf ~"\n');
  expect(text).toContain('  4 words     git commit -m "two words; rm -rf ~"\n');
  expect(text).toContain('  program     /usr/bin/git, sha256 abababababab\n');
  expect(text).toContain('  environment A=1 "B=x y"\n');
  expect(text).toContain('  files       /home/ana/run.sh (abababababab)\n');
  expect(text).toContain(
    '  preview     none: bubblewrap is not there\n  undo        cannot take back what it changes\n',
  );
  const tried = { exitCode: 1, changes: [{ action: FileAction.DELETE, path: 'a.md', diff: '-x\n' }], output: 'gone\n' };
  const shown = linesOf(command(['make'], { preview: tried })).join('\n');
  expect(shown).toContain('on a copy: exit code 1, 1 change; a yes makes');
  expect(shown).toContain('  delete a.md (+0 -1 line)\n    -x\n');
  expect(shown).toContain('    | gone');
});

test('where there is little room the changed lines of a trial are shown, not what stands around them or always', () => {
  const diff = '@@ -1,7 +1,7 @@\n 一\n 二\n 三\n-old\n+新\n 五\n 六\n 七\n';
  const limits = Array.from({ length: 8 }, (_, n) => `a bound that stands here whatever the command is, number ${n}`);
  const preview = { exitCode: 0, changes: [{ action: FileAction.CHANGE, path: 'a.md', diff }], output: '' };
  const text = linesOf(command(['make'], { preview, limits })).join('\n');
  expect(text).toContain('    -old\n    +新\n    … 7 lines around them …\n');
  expect(text).toMatch(/ {2}limits {6}a bound .*\n +… \d+ more of \d+ …\n/);
  expect(text.split('\n').length).toBeLessThanOrEqual(24);
  const all = approvalView(command(['make'], { preview, limits }), { columns: 80, rows: undefined, now: NOW });
  const whole = all.lines.map((line) => line.text).join('\n');
  expect(whole).toContain('     三\n    -old\n    +新\n');
  expect(whole).toContain('number 7');
});

test('what a trial changed beside texts is shown: modes, setgid, links, binaries', () => {
  const OTHER = new Uint8Array(32).fill(0xcd);
  const file = (mode: number, sha256 = HASH) => ({ mode, sha256, bytes: 12n });
  const changes = [
    { action: FileAction.CHANGE, path: 'run', before: file(0o644), after: file(0o755) },
    { action: FileAction.MAKE_FOLDER, path: 'dir', after: { mode: 0o2755, folder: true } },
    { action: FileAction.CREATE, path: 'link', after: { linkTarget: '目标 \u202e', sha256: HASH, bytes: 8n } },
    { action: FileAction.CHANGE, path: 'bin', before: file(0o644), after: file(0o644, OTHER) },
    { action: FileAction.CREATE, path: 'like', after: file(0o644), diff: '+symbolic link to x\n' },
  ];
  const text = linesOf(command(['make'], { preview: { exitCode: 0, changes, output: '' } }), 90, 100).join('\n');
  expect(text).toContain(
    '  change run\n    mode 644 -> 755\n  make the folder dir\n    a folder, mode 2755 (setgid)\n',
  );
  expect(text).toContain('  create link\n    a symbolic link to "目标 \\u202e"\n  change bin\n');
  expect(text).toContain('    12 bytes, sha256 abababababab -> 12 bytes, sha256 cdcdcdcdcdcd\n    there is no text');
  expect(text).toContain('  create like (+1 -0 line)\n    12 bytes, mode 644, sha256 abababababab\n    +symbolic');
  expect(text.match(/no text to compare/g)).toHaveLength(1);
  expect(text).toContain('that cannot be seen');
});

test('what cannot be shown cannot be allowed', () => {
  const unknown = asked({ effect: { case: undefined } });
  expect(effectTitle(unknown.effect)).toContain('cannot show');
  expect([isAllowable(unknown), isAllowable(asked(undefined)), isAllowable(change(SMALL))]).toEqual([
    false,
    false,
    true,
  ]);
  expect(isAllowable(change(SMALL, 'x', { action: 99 }))).toBe(false);
  expect(isAllowable({ ...change(SMALL), state: ApprovalState.EXPIRED })).toBe(false);
});

test('one that is over and whose effect is not told any more says that, and blames no version', () => {
  const { effect: _, ...bare } = change(SMALL);
  const ended = approvalView(
    { ...bare, state: ApprovalState.DENIED, answeredBy: 'key 笔记本' },
    { columns: 80, rows: 24, now: NOW },
  );
  const text = ended.lines.map((line) => line.text).join('\n');
  expect(text).toMatch(/^FsService\/Write\n +what it would have done is told while it waits/);
  expect(text).not.toContain('version');
});

test('how one ended, whom it belongs to, and whether a yes for the run would count', () => {
  const ended = (state: ApprovalState, more = {}) =>
    approvalEnd({ ...change(SMALL), state, answeredBy: 'key phone', ...more });
  expect(ended(ApprovalState.ALLOWED, { scope: ApprovalScope.RUN })).toBe('allowed by key phone for this run');
  expect(ended(ApprovalState.DENIED)).toBe('denied by key phone');
  expect(stepOf(change(SMALL))).toBe(`${RUN}/2`);
  expect([mayAllowRun(change(SMALL)), mayAllowRun({ ...change(SMALL), taints: [Taint.PRIVATE] })]).toEqual([
    false,
    true,
  ]);
});
