import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { DayRoomSchema, FileAction } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { asked, change, command, HASH, linesOf, NOW, SMALL } from '../../../test/support/shown-approvals.ts';
import { widthOf } from '../../base/text-columns.ts';
import { approvalView, isAllowable } from './approval-view.ts';
import { allowQuestion, keyWords, questionLine } from './choice.ts';
import { seenWord } from './seen-text.ts';

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
  expect(text.join('\n')).not.toContain('day cap');
  // What does not fit the day is said before the yes, which could let nothing out.
  const late = { ...approval, dayRoom: create(DayRoomSchema, { bytes: 300n, untilTime: timestampFromMs(NOW) }) };
  const more = approvalView(late, { columns: 100, rows: 24, now: NOW }).lines.map((line) => line.text.trim());
  expect(more.join(' ')).toContain(
    'day cap     only 300 bytes may still leave today, so it would stay here after a yes, too',
  );
  // Why nothing of a file can leave is told to its end, on however many lines.
  const whyNothing =
    'it has no text that can be read here, because it is a picture, and this box has nothing that reads pictures';
  const none = asked({ effect: { case: 'share', value: { files: [{ ...file, whyNothing }], recipient: 'openai' } } });
  const why = approvalView(none, { columns: 60, rows: 24, now: NOW }).lines.map((line) => line.text.trim());
  expect(why.join(' ')).toContain(`why         ${whyNothing}; whatever you answer, it stays here`);
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
