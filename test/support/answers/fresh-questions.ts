// Twenty other ways to ask, written after the rules were mended for the sixty and before they were asked; their score is told apart.
import type { MessyFolder } from '../messy-folder.ts';
import { number, type Question } from './question.ts';

export function freshQuestions({ files }: MessyFolder): Question[] {
  const count = (is: (extension: string) => boolean) => number(files.filter(({ extension }) => is(extension)).length);
  const images = count((extension) => extension === 'png' || extension === 'jpg');
  return [
    {
      language: 'en',
      kind: 'fact',
      text: 'Tell me who looks after the lighthouse',
      share: ['projects/lighthouse.md'],
      must: ['Amelie Brandt'],
    },
    {
      language: 'en',
      kind: 'fact',
      text: 'Where does the launch take place?',
      share: ['launch.md'],
      must: ['old harbour hall'],
    },
    {
      language: 'en',
      kind: 'fact',
      text: "What's the price of the boat?",
      share: ['projects/boat.md'],
      must: ['7400'],
    },
    {
      language: 'en',
      kind: 'search',
      text: 'I am looking for the note on tulips',
      must: ['projects/garden.md'],
      not: ['journal/'],
    },
    {
      language: 'en',
      kind: 'search',
      text: 'Do any of my files talk about a museum?',
      must: ['page.html'],
      not: ['journal/'],
    },
    {
      language: 'en',
      kind: 'summary',
      text: 'Give me the gist of garden.md',
      share: ['projects/garden.md'],
      must: ['tulips'],
    },
    {
      language: 'en',
      kind: 'nothing',
      text: 'Anything in my notes about helicopters?',
      must: ['helicopters'],
      not: ['.md'],
    },
    { language: 'en', kind: 'qualifier', text: 'Number of pictures, please', must: [images] },
    {
      language: 'en',
      kind: 'qualifier',
      text: 'Show me what I edited yesterday',
      must: ['launch checklist.md', 'papers/offer.docx'],
      not: ['journal/'],
    },
    {
      language: 'en',
      kind: 'qualifier',
      text: 'Average of the degrees column in readings-1.csv?',
      must: [number(averageOf(files, 'tables/readings-1.csv'))],
      not: ['--share'],
    },
    { language: 'en', kind: 'qualifier', text: 'Which documents are bigger than 10 megabytes?', must: ['big.log'] },
    { language: 'zh', kind: 'fact', text: '灯塔有多高？', share: ['项目/灯塔.md'], must: ['三十二米'] },
    { language: 'zh', kind: 'fact', text: '开会的都有谁？', share: ['会议记录.md'], must: ['韩梅梅'] },
    {
      language: 'zh',
      kind: 'search',
      text: '帮我找一下写到清水寺的笔记',
      must: ['旅行/京都计划.md'],
      not: ['journal/'],
    },
    { language: 'zh', kind: 'summary', text: '请给我会议记录.md 的概要', share: ['会议记录.md'], must: ['新办公室'] },
    { language: 'zh', kind: 'nothing', text: '我的笔记里有没有提到直升机？', must: ['直升机'], not: ['.md'] },
    { language: 'zh', kind: 'qualifier', text: '一共有几张图片？', must: [images] },
    {
      language: 'zh',
      kind: 'qualifier',
      text: '昨天改过哪些文件？',
      must: ['launch checklist.md', 'papers/offer.docx'],
      not: ['journal/'],
    },
    { language: 'zh', kind: 'qualifier', text: '销售额.csv 的金额加起来是多少？', must: [number(6000)] },
    { language: 'zh', kind: 'qualifier', text: '占空间最多的文件是哪个？', must: ['big.log'] },
  ];
}

function averageOf(files: MessyFolder['files'], path: string): number {
  const rows = (files.find((file) => file.path === path)?.text ?? '').trim().split('\n').slice(1);
  return rows.reduce((sum, row) => sum + Number(row.split(',')[1]), 0) / rows.length;
}
