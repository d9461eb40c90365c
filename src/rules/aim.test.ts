// What a question wants, in both languages.
import { expect, test } from 'vitest';
import { aimOf } from './aim.ts';

test.each([
  ['What does notes.md say about the launch date?', 'ask', ['notes.md'], ['launch', 'date']],
  ['notes.md 里关于发布日期说了什么？', 'ask', ['notes.md'], ['发布日期']],
  ['请看会议记录.md里的预算是多少', 'ask', ['会议记录.md'], ['预算']],
  ['Show me what a/b.txt says about dates', 'ask', ['a/b.txt'], ['dates']],
  ['how do I run the tests?', 'ask', [], ['tests']],
  ['read "my notes.md"', 'read', ['my notes.md'], []],
  ['读一下 notes.md 第3到10行', 'read', ['notes.md'], []],
  ['summarize README', 'summarise', ['README'], []],
  ['总结一下会议记录.md', 'summarise', ['会议记录.md'], []],
  ['what is this project about?', 'summarise', [], []],
  ['which files are there?', 'list', [], []],
  ['有哪些文件？', 'list', [], []],
  ['find files about the budget', 'find', [], ['budget']],
  ['哪个文件提到了预算', 'find', [], ['预算']],
  ['Which notes mention the launch?', 'find', [], ['launch']],
  ['find my notes', 'find', [], ['notes']],
  ['where is the config?', 'find', [], ['config']],
  ['Which files contain TODO?', 'find', [], ['TODO']],
  ['Which files contain the word TODO?', 'find', [], ['TODO']],
  ['Which files mention README?', 'find', [], ['README']],
  ['哪些文件包含“TODO”这个词？', 'find', [], ['TODO']],
  ['read TODO', 'read', ['TODO'], []],
  ['What does TODO say about the boat?', 'ask', ['TODO'], ['boat']],
  ['Which notes are about the launch?', 'find', [], ['launch']],
  ['Which files are about Heron?', 'find', [], ['Heron']],
  ['What notes have something about Heron?', 'find', [], ['Heron']],
  ['Which files do I have?', 'list', [], []],
  ['What files are in notes?', 'list', [], []],
  ['hello!', 'greet', [], []],
  ['你好', 'greet', [], []],
] as const)('%s', (question, kind, files, subject) => {
  expect(aimOf(question)).toMatchObject({
    kind,
    files,
    ...(kind === 'greet' || subject.length === 0 ? {} : { subject }),
  });
});

test('a command is taken from its quotes or from behind the verb, in words and without a shell', () => {
  expect(aimOf('run `git log -n "a b"`').argv).toEqual(['git', 'log', '-n', 'a b']);
  expect(aimOf('please run uptime').argv).toEqual(['uptime']);
  expect(aimOf('运行 ls -la').argv).toEqual(['ls', '-la']);
  expect(aimOf('run it again').argv).toEqual([]);
});

test('folders, patterns and lines are found', () => {
  expect(aimOf('summarise docs').folders).toEqual(['docs']);
  expect(aimOf('总结 docs 目录').folders).toEqual(['docs']);
  expect(aimOf('list files in work/plans/').folders).toEqual(['work/plans']);
  expect(aimOf('find *.md').globs).toEqual(['*.md']);
  expect(aimOf('show notes.md lines 3-10').lines).toEqual({ start: 3, end: 10 });
});

test.each([
  ['Which files are not PDFs?', { measure: 'MEASURE_LIST', exceptClasses: ['FILE_CLASS_PDF'] }],
  ['How many files are not pictures?', { measure: 'MEASURE_COUNT', exceptClasses: ['FILE_CLASS_IMAGE'] }],
  ["What's the largest file that is not a log?", { measure: 'MEASURE_LARGEST', exceptClasses: ['FILE_CLASS_LOG'] }],
  ['How many files except images and PDFs do I have?', { exceptClasses: ['FILE_CLASS_PDF', 'FILE_CLASS_IMAGE'] }],
  ['List all files, except those in drafts', { exceptGlobs: ['**/drafts/**'] }],
  ['Which files do not contain TODO?', { measure: 'MEASURE_LIST', withoutTerms: ['TODO'] }],
  ["Which notes don't mention Marta?", { classes: ['FILE_CLASS_TEXT'], withoutTerms: ['Marta'] }],
  ['find notes that mention launch but not budget', { terms: ['launch'], withoutTerms: ['budget'] }],
  ['find the launch, but not in drafts', { terms: ['launch'], exceptGlobs: ['**/drafts/**'] }],
  ['哪些文件不是 PDF？', { measure: 'MEASURE_LIST', exceptClasses: ['FILE_CLASS_PDF'] }],
  ['不是日志的文件里哪个最大？', { measure: 'MEASURE_LARGEST', exceptClasses: ['FILE_CLASS_LOG'] }],
  ['除了图片以外有多少个文件？', { measure: 'MEASURE_COUNT', exceptClasses: ['FILE_CLASS_IMAGE'] }],
  ['不算 PDF 一共有多少个文件？', { measure: 'MEASURE_COUNT', exceptClasses: ['FILE_CLASS_PDF'] }],
  ['哪些文件没有提到王芳？', { measure: 'MEASURE_LIST', withoutTerms: ['王芳'] }],
  ['提到京都但没有提到清水寺的笔记有哪些？', { terms: ['京都'], withoutTerms: ['清水寺'] }],
])('what files must not be is left out by the device: %s', (question, args) => {
  expect(aimOf(question)).toMatchObject({ kind: 'facts', facts: [{ args, missed: [] }], excluded: [] });
});

test.each([
  ['Which files are not interesting?', 'are not interesting'],
  ['哪些文件不是草稿？', '不是草稿'],
])('what files must not be and is no kind, place or word is told, and never looked for: %s', (question, excluded) => {
  expect(aimOf(question)).toMatchObject({ kind: 'negation', excluded: [excluded] });
});

test('beside another wish it is left out and told; elsewhere "not" is a word as any other', () => {
  const both = aimOf('Which notes mention the launch and are not drafts?');
  expect(both).toMatchObject({ kind: 'find', subject: ['launch'], excluded: ['are not drafts'] });
  expect(aimOf('List all files except images')).toMatchObject({ kind: 'facts', excluded: [] });
  expect(aimOf('Why does the launch not start?').excluded).toEqual([]);
  expect(aimOf('有没有提到王芳的文件？')).toMatchObject({ kind: 'find', subject: ['王芳'], excluded: [] });
  expect(aimOf('有没有关于火星的文件？')).toMatchObject({ kind: 'find', subject: ['火星'], excluded: [] });
});

test.each([
  'delete notes/car.txt',
  'please move a.md to b/',
  'can you rename a.md to b.md?',
  'create a file called x.md',
  'write hello into x.md',
  '删除 notes/car.txt',
  '把 a.md 移动到 b',
  '帮我新建 a.md',
  'write a note saying buy milk',
  'remind me to call Anna',
  '写一条笔记：买牛奶',
  '提醒我买牛奶',
])('what would change files is known as that: %s', (question) =>
  expect(aimOf(question)).toMatchObject({ kind: 'deed', facts: [] }),
);

test.each([
  'When was launch.md changed?',
  'create a summary of launch.md',
  'copy of rules',
  'Write a summary of a.md',
  'add up the numbers in a.csv',
  '删除的文件有哪些？',
])('no deed: %s', (question) => expect(aimOf(question).kind).not.toBe('deed'));

test.each([
  'What day is it today?',
  'what time is it',
  "What's the date today?",
  'What is 17 * 23?',
  '(3 + 4) * 2 =',
  'tell me a joke',
  '今天几号？',
  '今天星期几',
  '现在几点了？',
  '17 乘以 23 等于多少？',
])('what is not about files is known as that: %s', (question) => {
  expect(aimOf(question)).toMatchObject({ kind: 'aside', facts: [] });
});

test.each([
  'What day is the launch?',
  'What time is the flight on 14 April?',
  'What is 17 Harbour Street?',
  "What is Tom Hughes' email?",
  "What is Anna's email address?",
  '今天的会议几点开始？',
  '会议是几号？',
])('a question about what files say: %s', (question) => {
  expect(aimOf(question)).toMatchObject({ kind: 'ask', facts: [] });
});

test('a follow-up is known as one', () => {
  for (const question of ['And the budget?', 'what does it say about risk?', '那预算呢？'])
    expect(aimOf(question).refersBack).toBe(true);
  expect(aimOf('What is the budget?').refersBack).toBe(false);
});
