// What an owner is shown before a yes: nothing hides in it, and it fits the screen.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import {
  type Approval,
  ApprovalSchema,
  ApprovalScope,
  ApprovalState,
  FileAction,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { inert } from '../../base/inert.ts';
import { widthOf } from '../../base/text-columns.ts';
import { approvalEnd, approvalView, isAllowable, mayAllowRun, stepOf } from './approval-view.ts';
import { allowQuestion, keyWords, questionLine } from './choice.ts';
import { effectTitle } from './effect-lines.ts';
import { cutMiddle, seenLine, seenWord } from './seen-text.ts';

const NOW = 1_790_000_000_000;
const RUN = '01a22c0d-9df4-7268-83c8-904fd414a310';
const HASH = new Uint8Array(32).fill(0xab);

const asked = (
  effect: NonNullable<Parameters<typeof create<typeof ApprovalSchema>>[1]>['effect'],
  more = {},
): Approval =>
  create(ApprovalSchema, {
    id: '0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11',
    run: RUN,
    job: `${RUN}/2/1`,
    method: 'bowline.capability.fs.v1.FsService/Write',
    title: '整理我的笔记',
    state: ApprovalState.PENDING,
    createTime: timestampFromMs(NOW - 180_000),
    expireTime: timestampFromMs(NOW + 86_400_000),
    taints: [Taint.UNTRUSTED],
    reason: 'config.yaml line 12 says confirm: always',
    digest: HASH,
    effect: effect!,
    ...more,
  });

const change = (diff: string, path = 'docs/notes.md', more = {}) =>
  asked({
    effect: {
      case: 'file',
      value: {
        action: FileAction.CHANGE,
        path,
        realPath: `/home/ana/${path}`,
        before: { device: 1n, inode: 42n, sha256: HASH, bytes: 118n, mode: 0o100644 },
        after: { sha256: HASH, bytes: 210n, mode: 0o100644 },
        diff,
        ...more,
      },
    },
  });

const command = (argv: string[], more = {}) =>
  asked({
    effect: {
      case: 'command',
      value: { argv, program: '/usr/bin/git', programSha256: HASH, cwd: '/home/ana', limits: ['no network'], ...more },
    },
  });

const linesOf = (approval: Approval, columns = 80, rows: number | undefined = 24) =>
  approvalView(approval, { columns, rows, now: NOW }).lines.map(({ text }) => text);

const SMALL = '--- a\n+++ b\n@@ -1,2 +1,3 @@\n title\n-灯塔 is red\n+灯塔 is blue\n+and tall\n';

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

test.each([
  ['notes/p\u0430yp\u0430l.md', '"notes/p\\u0430yp\\u0430l.md"'],
  ['notes/\u0441\u0435\u0440\u0432ep.md', '"notes/\u0441\u0435\u0440\u0432\\u0065\\u0070.md"'],
  ['\u03bfpenai.com', '"\\u03bfpenai.com"'],
])('look-alike letters of another script are written out: %s', (word, shown) => {
  expect(seenWord(word)).toBe(shown);
});

test.each([
  '\uff47it',
  '\u{1d420}it',
  '\u0261it',
  '\u0585ne',
  'intra\u04cf',
  '\u03f2onfig',
  '\u03f3son',
  '\u13aapple',
  '\ua647',
  '\u0435\u0445\u0435',
  'a.\u0435\u0445\u0435',
  '--file=\u0435\u0445\u0435',
  '\u0440\u0430\u0443\u0440\u0430\u04cf.com',
  '\u0391\u0392\u0395',
  '\u0585\u057d',
  'cafe\u0301',
  '\u217bib',
  'a\u2024md',
  'two a\u2215b',
  '\u2010rf',
  '\u2212rf',
])('what looks like a word of ASCII or of another script is written out: %s', (word) => {
  expect(seenWord(word)).toMatch(/^".*\\u.*"$/);
  // All of it is still told: two words are never one.
  expect(
    JSON.parse(seenWord(word).replaceAll(/\\u\{(.*?)\}/g, (_all, code) => String.fromCodePoint(parseInt(code, 16)))),
  ).toBe(word);
});

test.each([
  'docs/会议notes.md',
  'ＡＢＣ株式会社.pdf',
  '第１章.md',
  'письмо-о-встрече.md',
  'сервер/отчёт.md',
  'Ελληνικά/σημειώσεις.txt',
  'հայերեն.md',
  'हिन्दी/नोट.md',
  'العربية/ملاحظات.txt',
  'Tiếng-Việt.md',
  'ɔkyena.md',
  'हिन्दीnotes/会议план.md'.slice(6),
  'メモABC/日本語.txt',
  'Отчёт-v2.docx',
  'заметки/план.md',
  '한국어abc',
  'café/naïve',
  'αβγ.txt',
])('names of one script, and of Han, kana or Hangul beside Latin, stay as they are: %s', (word) =>
  expect(seenWord(word)).toBe(word),
);

const request = (more = {}) =>
  asked({
    effect: {
      case: 'http',
      value: {
        method: 'POST',
        entry: 'heating',
        scheme: 'http',
        host: 'hub.local',
        address: '192.168.1.20',
        port: 8123,
        path: '/api/lamp one',
        query: ['raum=厨房'],
        target: '/api/lamp%20one?raum=%E5%8E%A8%E6%88%BF',
        headers: ['authorization: Bearer secret://heating'],
        body: '{"on":true}',
        bodyBytes: 11n,
        bodySha256: HASH,
        ...more,
      },
    },
  });

test('other names of a file that is replaced stand in a row; without any there is none', () => {
  const [before, after] = [
    { sha256: HASH, bytes: 1n, mode: 0o644 },
    { bytes: 2n, mode: 0o644 },
  ];
  const shown = (otherNames: number, more = {}) =>
    linesOf(change('', 'a', { before: { ...before, otherNames }, after, ...more })).join('\n');
  expect(shown(0)).not.toContain('other names');
  expect(shown(1)).toMatch(/other names 1 \(hard link\): keeps what is there now; undo does not/);
  expect(shown(3, { action: FileAction.DELETE })).toContain('other names 3 (hard links): keep what is there now');
  expect(shown(3, { action: FileAction.MOVE })).not.toContain('other names');
  const changes = [{ action: FileAction.CHANGE, path: 'a', before: { ...before, otherNames: 1 }, after }];
  const tried = linesOf(command(['make'], { preview: { exitCode: 0, changes, output: '' } })).join('\n');
  expect(tried).toContain('other names 1 (hard link): keeps what is there now');
});

test('a request: its host apart from what is asked, decoded and as sent, at 80 and 120 columns', () => {
  expect(linesOf(request()).slice(0, 10)).toEqual([
    'POST to hub.local:8123 (heating): "/api/lamp one"',
    '  host        hub.local, which is 192.168.1.20',
    '  port        8123, by http',
    '  proof       none: others in the network can read and answer it',
    '  path        "/api/lamp one"',
    '  query       raum=厨房',
    '  sent as     "/api/lamp%20one?raum=%E5%8E%A8%E6%88%BF"',
    '  1 header    "authorization: Bearer secret://heating"',
    '  body        11 bytes, sha256 abababababab',
    '    | {"on":true}',
  ]);
  const long = request({ path: `/api/${'x'.repeat(300)}`, query: ['a=\u202eevil'], bodyBytes: 5000n });
  for (const columns of [80, 120]) {
    const shown = approvalView(long, { columns, rows: 40, now: NOW });
    expect(shown.lines.every(({ text }) => widthOf(text) <= columns)).toBe(true);
    expect([shown.isCut, shown.isPart, shown.hasUnseen]).toEqual([true, true, true]);
    expect(shown.lines.map(({ text }) => text).join('\n')).toContain('NOT SHOWN');
  }
  expect(isAllowable(request({ address: '' }))).toBe(false);
});

test('a share says which lines, how many bytes and to whom, and its keys say what they let out', () => {
  const file = { path: 'docs/灯塔.md', realPath: '/d/灯塔.md', inode: 7n, startLine: 10, endLine: 40, bytes: 1200n };
  const files = [{ ...file, runBytes: 300_000n, runIsWhole: true, masked: 2 }];
  const share = (recipient: string) => asked({ effect: { case: 'share', value: { files, recipient } } });
  const approval = share('openai');
  const text = approvalView(approval, { columns: 100, rows: 24, now: NOW }).lines.map((line) => line.text);
  expect(text[0]).toBe('share docs/灯塔.md (lines 10-40, 1.2 KB) with openai');
  expect(text.join('\n')).toContain('r lets out  the whole file, 293 KB, until this run ends, at most 15 minutes');
  expect(text.join('\n')).toContain('2 values look like secrets and are masked');
  expect(text.join('\n')).toContain('openai, which is not known to run on your machines');
  const step = { first: approval, waiting: [approval], number: 1, all: 1 };
  expect(questionLine(step, 100)).toBe('share docs/灯塔.md (lines 10-40, 1.2 KB) with openai? [y/N/r/w/?] ');
  expect(keyWords(step).join('\n')).toMatch(/y {2}yes: what is shown leaves.*\nn {2}no.*goes on without it\n/);
  expect(isAllowable(approval)).toBe(true);
  // To nobody, or of nothing: no yes can be given.
  expect(isAllowable(share(''))).toBe(false);
});

test.each([
  ['spacing marks', 'क\u093e\u093e\u093e'.repeat(18)],
  ['Kannada, Tamil, Khmer', 'ಕ\u0cbe\u0cbe\u0cbeக\u0bbe\u0bbe\u0bbeក\u17b6\u17b6\u17b6'.repeat(6)],
  ['hexagrams', '\u4dc0'.repeat(70)],
  ['regional letters', '\u{1f1e9}\u{1f1ea}'.repeat(40)],
  ['emoji with skin', '👍🏽'.repeat(40)],
  ['joined Hangul letters', '\u1100'.repeat(75)],
  ['one letter of any length', 'क\u094d'.repeat(70)],
  ['ambiguous signs', '□→…“”'.repeat(15)],
])('no line of a text is longer than the screen, as any terminal counts it: %s', (_what, pad) => {
  const forged = `+${pad}${'  real path   /home/ana/other.md'.padEnd(70)}`;
  for (const rows of [24, undefined]) {
    const { lines } = approvalView(change(`@@ -1 +1 @@\n${forged}\n`), { columns: 80, rows, now: NOW });
    // The library counts fewer for marks that follow a letter; two for each that is not ASCII or a letter of an alphabet is the most.
    const most = (text: string) =>
      [...text].reduce(
        (sum, sign) => sum + (/^[ -~\p{sc=Deva}\p{sc=Knda}\p{sc=Taml}\p{sc=Khmr}]$/u.test(sign) ? 1 : 2),
        0,
      );
    for (const { text } of lines) expect(most(text)).toBeLessThanOrEqual(80);
    expect(lines.filter(({ text }) => text.startsWith('  real path'))).toHaveLength(1);
  }
});

test('the question repeats what is allowed, on one line, whatever its length', () => {
  const one = change(SMALL, `${'很长'.repeat(60)}.md`);
  for (const { question } of [
    allowQuestion([one], ' once', 80),
    { question: questionLine({ first: one, waiting: [one], number: 1, all: 1 }, 80) },
  ]) {
    expect(question).toMatch(/^allow change 很.*characters .*\(\+2 -1 lines\)(?: once)?\? \[y\/N/);
    expect(widthOf(question)).toBeLessThanOrEqual(80);
  }
  const { titles, question } = allowQuestion([change(SMALL), change(SMALL, 'b.md')], ' for the whole run', 80);
  expect(titles).toEqual(['1: change docs/notes.md (+2 -1 lines)', '2: change b.md (+2 -1 lines)']);
  expect(question).toBe('allow all 2 for the whole run? [y/N] ');
});
