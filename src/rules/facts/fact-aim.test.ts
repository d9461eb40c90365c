// Which fact a question asks for, and what of it was not understood, in both languages.
import { expect, test } from 'vitest';
import { aimOf } from '../aim.ts';
import { factCalls } from './fact-calls.ts';

test.each([
  ['What is the largest file?', { measure: 'MEASURE_LARGEST', most: 1 }],
  ['What are the three largest files?', { measure: 'MEASURE_LARGEST', most: 3 }],
  ['How many PDF files are there?', { measure: 'MEASURE_COUNT', classes: ['FILE_CLASS_PDF'] }],
  ['Which files changed this week?', { measure: 'MEASURE_LIST', span: 'TIME_SPAN_THIS_WEEK' }],
  ['Show me what I edited yesterday', { measure: 'MEASURE_LIST', span: 'TIME_SPAN_YESTERDAY' }],
  ['Which photos were changed in the last 7 days?', { classes: ['FILE_CLASS_IMAGE'], lastDays: 7 }],
  ['How many TODOs are in the code?', { measure: 'MEASURE_OCCURRENCES', terms: ['TODO'], path: 'code' }],
  ['What is the sum of amount in invoices.csv?', { measure: 'MEASURE_COLUMN_SUM', column: 'amount' }],
  ["What's the highest amount in invoices.csv?", { measure: 'MEASURE_COLUMN_MAX', column: 'amount' }],
  ['How many words are in launch.md?', { measure: 'MEASURE_WORDS' }],
  ['Which files are duplicates?', { measure: 'MEASURE_DUPLICATES' }],
  ['Which folder takes up the most space?', { measure: 'MEASURE_FOLDER_SIZES', most: 5 }],
  ['What are the three largest folders?', { measure: 'MEASURE_FOLDER_SIZES', most: 3 }],
  ['哪个目录占的空间最大？', { measure: 'MEASURE_FOLDER_SIZES', most: 5 }],
  ['最近改的三个文件', { measure: 'MEASURE_NEWEST', most: 3 }],
  [
    'are there any copies of house/rules.md?',
    { measure: 'MEASURE_DUPLICATES', copiesOf: '**/[hH][oO][uU][sS][eE]/[rR][uU][lL][eE][sS].[mM][dD]' },
  ],
  ['How many files were last changed before 2024?', { measure: 'MEASURE_COUNT', beforeDay: '2024' }],
  ['How many files did I change in June 2025?', { fromDay: '2025-06', beforeDay: '2025-07' }],
  ['Which notes changed after 31 December 2024?', { measure: 'MEASURE_LIST', fromDay: '2025-01-01' }],
  ['files edited between 2025-02-03 and March 5th, 2025', { fromDay: '2025-02-03', beforeDay: '2025-03-06' }],
  ['2024年以前改过的文件有几个？', { measure: 'MEASURE_COUNT', beforeDay: '2024' }],
  ['2025年12月修改的文件有哪些？', { measure: 'MEASURE_LIST', fromDay: '2025-12', beforeDay: '2026-01' }],
  ['2025年6月3日以后修改过的文件', { fromDay: '2025-06-03' }],
  ['In how many files does the word launch occur?', { measure: 'MEASURE_COUNT', terms: ['launch'] }],
  ['多少文件里出现过 launch 这个词？', { measure: 'MEASURE_COUNT', terms: ['launch'] }],
  ['What do the seen birds in birds.csv add up to?', { measure: 'MEASURE_COLUMN_SUM', column: 'seen birds' }],
  ['smallest value of seen in birds.csv', { measure: 'MEASURE_COLUMN_MIN', column: 'seen' }],
  ['birds.csv 的 seen 加总是多少', { measure: 'MEASURE_COLUMN_SUM', column: 'seen' }],
  ['How many files are outside the journal folder?', { measure: 'MEASURE_COUNT', exceptGlobs: ['**/journal/**'] }],
  ['journal 目录以外一共几个文件？', { measure: 'MEASURE_COUNT', exceptGlobs: ['**/journal/**'] }],
  ['How many non-PDF files are there?', { measure: 'MEASURE_COUNT', exceptClasses: ['FILE_CLASS_PDF'] }],
  ['哪两个非日志文件最大？', { measure: 'MEASURE_LARGEST', most: 2, exceptClasses: ['FILE_CLASS_LOG'] }],
  ['Which folder has the most files?', { measure: 'MEASURE_BY_FOLDER' }],
  ['How many notes mention the harbour?', { measure: 'MEASURE_COUNT', terms: ['harbour'] }],
  ['files larger than 10 MB', { measure: 'MEASURE_LIST', minBytes: '10000001' }],
  ['How many files are in invoices?', { measure: 'MEASURE_COUNT', path: 'invoices' }],
  ['How many files are in the folder notes?', { measure: 'MEASURE_COUNT', path: 'notes' }],
  ['How many files are in the notes folder?', { measure: 'MEASURE_COUNT', path: 'notes' }],
  ['How many PDFs are in archive?', { path: 'archive', classes: ['FILE_CLASS_PDF'] }],
  ['notes 里有多少个文件?', { measure: 'MEASURE_COUNT', path: 'notes' }],
  ['list files in images', { measure: 'MEASURE_LIST', path: 'images' }],
  ['Which files are empty?', { measure: 'MEASURE_LIST', maxBytes: '1' }],
  ['哪些文件是空的？', { measure: 'MEASURE_LIST', maxBytes: '1' }],
  ['How many files about Heron are there?', { measure: 'MEASURE_COUNT', terms: ['Heron'] }],
  ['How many notes mention the boat in total?', { measure: 'MEASURE_COUNT', terms: ['boat'] }],
  ['average age in data/people.csv', { measure: 'MEASURE_COLUMN_AVERAGE', column: 'age' }],
  ['What is the minimum min in times.csv?', { measure: 'MEASURE_COLUMN_MIN', column: 'min' }],
  ['When was launch.md changed?', { measure: 'MEASURE_NEWEST', most: 1 }],
  ['最大的文件是哪个？', { measure: 'MEASURE_LARGEST', most: 1, language: 'zh' }],
  ['占空间最多的文件是哪个？', { measure: 'MEASURE_LARGEST', most: 1 }],
  ['有多少个 PDF？', { measure: 'MEASURE_COUNT', classes: ['FILE_CLASS_PDF'] }],
  ['上周修改的文件有哪些？', { measure: 'MEASURE_LIST', span: 'TIME_SPAN_LAST_WEEK' }],
  ['最近三天修改的笔记', { measure: 'MEASURE_LIST', lastDays: 3 }],
  ['会议记录.md 一共多少字？', { measure: 'MEASURE_WORDS' }],
  ['invoices.csv 里 amount 的总和是多少？', { measure: 'MEASURE_COLUMN_SUM', column: 'amount' }],
  ['有重复的文件吗？', { measure: 'MEASURE_DUPLICATES' }],
  ['哪个文件夹的文件最多？', { measure: 'MEASURE_BY_FOLDER' }],
  ['代码里有多少个 TODO？', { measure: 'MEASURE_OCCURRENCES', terms: ['TODO'] }],
  ['How many CSV files are in f2?', { path: 'f2', glob: '*.[cC][sS][vV]' }],
  ['How many CSVs do I have?', { measure: 'MEASURE_COUNT', glob: '*.[cC][sS][vV]' }],
  ['How many .tsv files are there?', { glob: '*.{[tT][sS][vV],[tT][aA][bB]}' }],
  ['有多少个 CSV 和 TSV 文件？', { glob: '*.{[cC][sS][vV],[tT][sS][vV],[tT][aA][bB]}' }],
  ['How many CSV and PDF files are there?', { glob: '*.{[cC][sS][vV],[pP][dD][fF]}' }],
  ['How many go and py files are there?', { glob: '*.{[gG][oO],[pP][yY]}' }],
  ['How many PNG images are there?', { glob: '*.[pP][nN][gG]' }],
  ['How many spreadsheets are there?', { classes: ['FILE_CLASS_TABLE'] }],
  ['有几个 xlsx？', { glob: '*.[xX][lL][sS][xX]' }],
  [
    'f2 里除了 Markdown 和 CSV 有多少个文件？',
    { path: 'f2', exceptClasses: ['FILE_CLASS_MARKDOWN'], exceptGlobs: ['*.[cC][sS][vV]'] },
  ],
  [
    'How many files except images and csv are there?',
    { exceptClasses: ['FILE_CLASS_IMAGE'], exceptGlobs: ['*.[cC][sS][vV]'] },
  ],
  ['How many files are named launch?', { glob: '{[lL][aA][uU][nN][cC][hH],[lL][aA][uU][nN][cC][hH].*}' }],
  ['How many files are called plan7?', { measure: 'MEASURE_COUNT', glob: '{[pP][lL][aA][nN]7,[pP][lL][aA][nN]7.*}' }],
  ['有多少个叫发布的文件？', { measure: 'MEASURE_COUNT', glob: '{发布,发布.*}' }],
  ['名为发布的文件有几个？', { measure: 'MEASURE_COUNT', glob: '{发布,发布.*}' }],
  ['How many files have plan in their name?', { measure: 'MEASURE_COUNT', name: 'plan' }],
  ['Which files have 发布 in their name?', { measure: 'MEASURE_LIST', name: '发布' }],
  ['文件名里有发布的文件有多少个？', { measure: 'MEASURE_COUNT', name: '发布' }],
  ['How many lines are in f2/big.txt?', { measure: 'MEASURE_LINES', glob: '**/[fF]2/[bB][iI][gG].[tT][xX][tT]' }],
  ['/srv/f2/big.txt 有多少行？', { measure: 'MEASURE_LINES', glob: '/[sS][rR][vV]/[fF]2/[bB][iI][gG].[tT][xX][tT]' }],
  ['How large is each folder?', { measure: 'MEASURE_FOLDER_SIZES', most: 5 }],
  ['f1/gb.csv 里金额这一列的总和是多少？', { measure: 'MEASURE_COLUMN_SUM', column: '金额' }],
  ['"灯塔" 出现了多少次？', { measure: 'MEASURE_OCCURRENCES', terms: ['灯塔'] }],
] as const)('%s', (question, args) => {
  const aim = aimOf(question);
  expect(aim).toMatchObject({ kind: 'facts', facts: [{ args, missed: [] }] });
  expect(aim.facts).toHaveLength(1);
});

test.each([
  'How many runs may wait in one conversation?',
  'What is the largest risk in launch.md?',
  "What's the latest version in package.json?",
  'How many people were at the meeting?',
  'How much did invoice 3 cost?',
  'Which notes mention the launch?',
  '灯塔有多高？',
  '合同的违约金是多少？',
  '',
])('no fact about files: %s', (question) => expect(aimOf(question).facts).toEqual([]));

test('two facts of one question are two', () => {
  const { facts } = aimOf('How many PDFs and how many images are there?');
  expect(facts.map(({ args }) => args.classes)).toEqual([['FILE_CLASS_PDF'], ['FILE_CLASS_IMAGE']]);
});

test('two facts of one Chinese question are two', () => {
  const { facts } = aimOf('Markdown 文件有多少个，日志有多少个？');
  expect(facts.map(({ args }) => args.classes)).toEqual([['FILE_CLASS_MARKDOWN'], ['FILE_CLASS_LOG']]);
});

test.each([
  ['How many files are in notes?', 'notes', ['FILE_CLASS_TEXT']],
  ['How many files are in archive?', 'archive', ['FILE_CLASS_ARCHIVE']],
  ['How many TODOs are in the code?', 'code', ['FILE_CLASS_CODE']],
  ['笔记里有多少个文件？', '笔记', ['FILE_CLASS_TEXT']],
] as const)(
  'after "in", a kind of files is a folder first, and the kind where there is none: %s',
  (question, path, classes) => {
    const [fact] = aimOf(question).facts;
    expect(fact).toMatchObject({ args: { path }, missed: [], otherwise: { args: { classes }, missed: [] } });
    expect(fact!.args).not.toHaveProperty('classes');
    const failed = {
      tool: 'fs_query',
      args: fact!.args,
      result: undefined,
      error: { reason: 'NOT_FOUND', message: '' },
    };
    expect(factCalls(fact!, []).map(({ args }) => args)).toEqual([fact!.args]);
    expect(factCalls(fact!, [failed]).map(({ args }) => args)).toEqual([fact!.args, fact!.otherwise!.args]);
  },
);

test('a kind that none of the named formats is of is told as not understood, never mixed up with them', () => {
  expect(aimOf('How many images and CSV files are there?').facts).toMatchObject([{ missed: ['images'] }]);
});

test('what was not understood is known', () => {
  expect(aimOf('How many purple files are there?').facts).toMatchObject([{ missed: ['purple'] }]);
  expect(aimOf('Summarise the three largest notes').facts).toMatchObject([{ missed: ['Summarise'] }]);
  expect(aimOf('Which notes mention the launch, except drafts?')).toMatchObject({
    kind: 'find',
    subject: ['launch'],
    excluded: ['except drafts'],
  });
  expect(aimOf('除了草稿以外，哪些笔记提到京都？').excluded).toEqual(['除了草稿以外']);
});

test.each([
  ['search for 京都', 'en'],
  ['搜索 launch', 'zh'],
  ['quicksilver 在哪个文件里？', 'zh'],
  ['Please give me a summary of 会议记录.md', 'en'],
  ['有多少个 PDF？', 'zh'],
] as const)('%s is answered in its language', (question, language) => expect(aimOf(question).language).toBe(language));
