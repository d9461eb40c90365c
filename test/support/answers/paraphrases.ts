// Other ways to ask, written before the rules were looked at and answered wrongly or not at all then: exclusions, days, folders by size, copies, loose words.
import type { MessyFile, MessyFolder } from '../messy-folder.ts';
import { number, type Question } from './question.ts';

const JOURNAL = 'journal/day-001.md';
const KIND: Readonly<Record<string, readonly string[]>> = { image: ['png', 'jpg'], code: ['ts', 'py'], log: ['log'] };
const isKind = ({ extension }: MessyFile, kind: string) => (KIND[kind] ?? [kind]).includes(extension);

export function paraphrases({ files }: MessyFolder, now = new Date()): Question[] {
  const shown = files.filter(({ name }) => !name.startsWith('.') && !/\p{Cc}/u.test(name));
  const count = (fits: (file: MessyFile) => boolean) => number(shown.filter(fits).length);
  const largest = shown.filter((file) => !isKind(file, 'log')).sort((a, b) => b.bytes - a.bytes)[0]!.path;
  const lastWeek = shown
    .filter(({ age, extension }) => age === 'last week' && extension !== 'pdf')
    .map(({ path }) => path);
  const old = count(({ modified }) => modified.getFullYear() < 2024);
  const june = now.getFullYear() - 1;
  const outside = count(({ path }) => !path.startsWith('journal/'));
  const images = count((file) => !isKind(file, 'image'));
  const copies = ['house/copy of rules.md', 'backup/rules.md'];
  const en = { language: 'en', kind: 'qualifier' } as const;
  const zh = { language: 'zh', kind: 'qualifier' } as const;
  return [
    { ...en, text: 'How many files except images?', must: [images] },
    { ...en, text: "What's the largest file that is not a log?", must: [largest], not: ['big.log'] },
    { ...en, text: 'what did I change last week, not counting PDFs', must: lastWeek, not: ['contract.pdf', JOURNAL] },
    { ...en, text: 'How many files are outside the journal folder?', must: [outside] },
    { ...en, text: 'How many files were last changed before 2024?', must: [old] },
    { ...en, text: `How many files did I change in June ${june}?`, must: [count(({ age }) => age === 'last year')] },
    { ...en, text: 'are there any copies of house/rules.md?', must: copies },
    { ...en, text: 'In how many files does the word launch occur?', must: [number(3)] },
    { ...en, text: 'What do the seen birds in birds.csv add up to?', must: [number(50)] },
    { ...en, text: 'which folder takes up the most space?', must: [/^[^/]*\/logs/] },
    {
      ...en,
      kind: 'search',
      text: 'find notes that mention launch but not budget',
      must: ['launch checklist.md', 'drafts/launch speech.md'],
      not: [/(?<![\w ])launch\.md/],
    },
    { ...en, kind: 'search', text: 'any notes that talk about the heron?', must: ['drafts/poem.md'], not: [JOURNAL] },
    { ...en, kind: 'fact', text: 'What did we pay for the boat?', share: ['projects/boat.md'], must: ['7400'] },
    {
      ...en,
      kind: 'fact',
      text: 'Where do we hide the spare key?',
      must: ['name with many spaces.md', /changed \d{4}-\d\d-\d\d \d\d:\d\d[,)]/],
      withheld: ['name with many spaces.md'],
      not: ['clock'],
    },
    {
      ...en,
      text: 'how many rows in invoices.csv are for customer Gannet',
      must: ['did not understand “customer” and “Gannet”'],
    },
    { ...zh, text: '除了图片以外有多少个文件？', must: [images] },
    { ...zh, text: '不是日志的文件里哪个最大？', must: [largest], not: ['big.log'] },
    { ...zh, text: '上周改过什么，不包括 PDF', must: lastWeek, not: ['contract.pdf', JOURNAL] },
    { ...zh, text: 'journal 目录以外一共几个文件？', must: [outside] },
    { ...zh, text: '2024年以前改过的文件有几个？', must: [old] },
    { ...zh, text: 'house/rules.md 还有别的副本吗？', must: copies },
    { ...zh, text: '哪个目录占的空间最大？', must: [/^[^/]*\/logs/] },
    {
      ...zh,
      text: 'Markdown 文件有多少个，日志有多少个？',
      must: [count((file) => isKind(file, 'md')), count((file) => isKind(file, 'log'))],
    },
    {
      ...zh,
      kind: 'search',
      text: '提到京都但没有提到清水寺的笔记有哪些？',
      must: ['travel/kyoto.md'],
      not: ['旅行/京都计划.md'],
    },
    { ...zh, kind: 'search', text: '想找提过李雷的那份笔记', must: ['会议记录.md'], not: [JOURNAL] },
    { ...zh, kind: 'fact', text: '房租每个月多少钱？', share: ['会议记录.md'], must: ['八千'] },
    { ...zh, kind: 'fact', text: '泵有多重？', share: ['papers/manual.pdf'], must: ['我没有理解'], not: ['没有找到'] },
  ];
}
