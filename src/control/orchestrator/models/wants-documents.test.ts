// What is searched for in documents before the first turn, and what is not.
import { expect, test } from 'vitest';
import { wantsDocuments } from './wants-documents.ts';

test.each([
  'run df',
  'please run `git status`',
  'Could you execute uptime',
  '运行 df -h',
  '请执行 ls',
  'hello!',
  '你好',
  'list my files',
  'What is the largest file?',
  'How many PDF files are there?',
  '列出所有文件',
  '最大的文件是哪个？',
])('no search for: %s', (ask) => expect(wantsDocuments(ask)).toBe(false));

test.each([
  'When is the launch?',
  'How do I run the tests?',
  'run it again',
  'What does the manual say about files?',
  'How many runs may wait in one conversation?',
  '发布日期是哪天？',
  '怎么运行测试？',
  'hello world program in which document?',
  '',
])('a search for: %s', (ask) => expect(wantsDocuments(ask)).toBe(true));
