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

test('a follow-up is known as one', () => {
  for (const question of ['And the budget?', 'what does it say about risk?', '那预算呢？'])
    expect(aimOf(question).refersBack).toBe(true);
  expect(aimOf('What is the budget?').refersBack).toBe(false);
});
