// Questions that were answered wrongly once, each for its kind: names, places, what is not, and where a share does not answer.
import type { MessyFolder } from '../messy-folder.ts';
import { number, type Question } from './question.ts';

export function furtherQuestions({ files }: MessyFolder): Question[] {
  const inside = (folder: string) => number(files.filter(({ path }) => path.startsWith(`${folder}/`)).length);
  const en = { language: 'en' } as const;
  const zh = { language: 'zh' } as const;
  return [
    { ...zh, kind: 'search', text: '哪些文件提到了李雷?', must: ['会议记录.md'], not: ['journal/'] },
    { ...zh, kind: 'search', text: '哪些文件提到韩梅梅？', must: ['会议记录.md'], not: ['journal/'] },
    { ...zh, kind: 'nothing', text: '哪些文件提到刘慈欣？', must: ['刘慈欣'], not: ['.md'] },
    { ...en, kind: 'search', text: 'Which files contain TODO?', must: ['TODO', /\.(?:ts|py)/], not: ['called TODO'] },
    { ...en, kind: 'search', text: 'Which files contain the word quicksilver?', must: ['logs/big.log'] },
    { ...en, kind: 'qualifier', text: 'How many files are in photos?', must: [inside('photos')] },
    { ...en, kind: 'qualifier', text: 'How many files are in the folder logs?', must: [inside('logs')] },
    { ...zh, kind: 'qualifier', text: 'photos 里有多少个文件?', must: [inside('photos')] },
    { ...en, kind: 'qualifier', text: 'Which files are not PDFs?', must: ['archive.bin', 'more'], not: ['.pdf'] },
    {
      ...zh,
      kind: 'qualifier',
      text: '哪些笔记没有提到京都？',
      must: ['没有提到京都', '另外还有'],
      not: ['kyoto.md', '京都计划.md'],
    },
    {
      ...en,
      kind: 'qualifier',
      text: 'Which files are not interesting?',
      must: ['did not understand “are not interesting”'],
      not: ['.md'],
    },
    {
      ...en,
      kind: 'search',
      text: 'Which notes are about the launch?',
      must: ['launch.md'],
      not: ['journal/', 'photos/'],
    },
    { ...en, kind: 'qualifier', text: 'Which files are empty?', must: ['empty.md'], not: ['launch.md'] },
    { ...en, kind: 'qualifier', text: 'How many files about quicksilver are there?', must: [number(1)] },
    {
      ...en,
      kind: 'fact',
      text: 'What is the hull number?',
      share: ['travel/kyoto.md'],
      must: ['projects/boat.md'],
      withheld: ['projects/boat.md'],
    },
    { ...en, kind: 'qualifier', text: 'delete launch.md', must: ['cannot delete'], not: ['14 May'] },
  ];
}
