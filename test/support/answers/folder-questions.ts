// Sixty questions about the messy folder: thirty English, thirty Chinese.

import type { MessyFile, MessyFolder } from '../messy-folder.ts';
import { CSV_AMOUNTS } from '../messy-texts.ts';
import { number, type Question, type QuestionKind } from './question.ts';

const EARLIEST = { today: 0, yesterday: 1 } as const;

/** The questions; what they expect is counted in the folder. */
export function folderQuestions(folder: MessyFolder, now = new Date()): Question[] {
  return [...english(folder, now), ...chinese(folder)];
}

type Rest = Omit<Question, 'text' | 'kind' | 'language'>;
const asked =
  (language: Question['language']) =>
  (kind: QuestionKind, text: string, rest: Rest): Question => ({
    text,
    kind,
    language,
    ...rest,
  });

const JOURNAL = 'journal/day-001.md';
const SUM = new RegExp(`(?<!\\d)${CSV_AMOUNTS.reduce((sum, each) => sum + each, 0)}0?(?!\\d)`);
const COPIES = ['house/rules.md', 'house/copy of rules.md', 'backup/rules.md'];
/** Files with a dot first are denied, names with control characters cannot be told. */
const isShown = ({ name }: MessyFile) => !name.startsWith('.') && !/\p{Cc}/u.test(name);
const pdfs = ({ files }: MessyFolder) => files.filter(({ extension }) => extension === 'pdf').length;
const all = ({ files }: MessyFolder) => files.filter(isShown).length;

/** Names of the files that changed since Monday. */
function thisWeek({ files }: MessyFolder, now: Date): string[] {
  const days = (now.getDay() + 6) % 7;
  const recent = files.filter(({ age }) => (age in EARLIEST ? EARLIEST[age as keyof typeof EARLIEST] <= days : false));
  return recent.filter(isShown).map(({ path }) => path);
}

const ofAge = ({ files }: MessyFolder, age: MessyFile['age']) =>
  files.filter((file) => file.age === age && isShown(file)).map(({ path }) => path);

function english(folder: MessyFolder, now: Date): Question[] {
  const ask = asked('en');
  return [
    ask('fact', 'When is the launch?', { share: ['launch.md'], must: ['14 May'], sources: ['launch.md'] }),
    ask('fact', 'Who approves expenses?', { share: ['launch.md'], must: ['Katharina Voss'], sources: ['launch.md'] }),
    ask('fact', 'What is the lighthouse keeper called?', {
      share: ['projects/*.md'],
      must: ['Amelie Brandt'],
      sources: ['projects/lighthouse.md'],
    }),
    ask('fact', 'What is in e1?', { share: ['e1.txt'], must: ['310 degrees'], sources: ['e1.txt'] }),
    ask('fact', 'How much did invoice 3 cost?', {
      share: ['invoices/*.md'],
      must: ['135.00', 'invoices/invoice-3.md'],
      not: ['152.50'],
    }),
    ask('fact', 'What is the hull number of the boat?', {
      must: ['projects/boat.md'],
      withheld: ['projects/boat.md'],
      not: ['HX-2231', JOURNAL],
    }),
    ask('fact', 'What does contract.pdf say about the notice?', {
      share: ['papers/contract.pdf'],
      must: ['three months'],
    }),
    ask('search', 'Which notes mention the launch?', {
      must: ['launch.md', 'launch checklist.md', 'drafts/launch speech.md'],
      not: [JOURNAL, 'recipes/'],
    }),
    ask('search', 'search for 京都', { must: ['travel/kyoto.md', '旅行/京都计划.md'], not: [JOURNAL] }),
    ask('search', 'Which files mention quicksilver?', { must: ['logs/big.log'], not: ['launch.md'] }),
    ask('search', 'find the anchor', { must: ['bottom.md'] }),
    ask('search', 'find the recipe with lentils', { must: ['recipes/lentil-soup.md'], not: ['invoices/'] }),
    ask('search', 'list my files', { must: [number(all(folder))] }),
    ask('summary', 'summarise projects/lighthouse.md', {
      share: ['projects/lighthouse.md'],
      must: ['Amelie Brandt'],
      sources: ['projects/lighthouse.md'],
    }),
    ask('summary', 'Please give me a summary of 会议记录.md', { share: ['会议记录.md'], must: ['新办公室'] }),
    ask('summary', 'summarise contract.pdf', { share: ['papers/contract.pdf'], must: ['30 June 2027'] }),
    ask('summary', 'Summarise launch.md', { must: ['launch.md'], withheld: ['launch.md'], not: ['harbour hall'] }),
    ask('nothing', 'Which notes mention zeppelins?', { must: ['zeppelins'], not: ['.md'] }),
    ask('nothing', 'find xylophone', { must: ['xylophone'], not: ['.md'] }),
    ask('nothing', 'What does launch.md say about submarines?', {
      share: ['launch.md'],
      must: ['submarines', 'launch.md'],
      not: ['14 May'],
    }),
    ask('nothing', 'summarise nothere.md', { must: ['nothere.md'] }),
    ask('nothing', 'Is there a file called budget-2031.xlsx?', { must: ['budget-2031.xlsx'] }),
    ask('qualifier', 'What is the largest file?', { must: ['logs/big.log', /(?:48|50) MB/] }),
    ask('qualifier', 'How many PDF files are there?', { must: [number(pdfs(folder))] }),
    ask('qualifier', 'Which files changed this week?', { must: thisWeek(folder, now), not: [JOURNAL] }),
    ask('qualifier', 'How many TODOs are in the code?', { must: [number(10)] }),
    ask('qualifier', 'What is the sum of amount in invoices.csv?', { must: [SUM] }),
    ask('qualifier', 'Which files are duplicates?', { must: COPIES, not: [JOURNAL] }),
    ask('qualifier', 'Which folder has the most files?', { must: ['journal', number(70)] }),
    ask('qualifier', 'Which notes mention the launch, except drafts?', {
      must: ['launch.md', /(?:did not|do not|don't) understand[^.]*except drafts/i],
    }),
  ];
}

function chinese(folder: MessyFolder): Question[] {
  const ask = asked('zh');
  return [
    ask('fact', '发布日期是哪天？', {
      share: ['项目/发布计划.md'],
      must: ['五月十四日'],
      sources: ['项目/发布计划.md'],
    }),
    ask('fact', '灯塔管理员叫什么名字？', { share: ['项目/*.md'], must: ['王小明'], sources: ['项目/灯塔.md'] }),
    ask('fact', '红烧肉要炖多久？', { share: ['菜谱/*.md'], must: ['九十分钟'], sources: ['菜谱/红烧肉.md'] }),
    ask('fact', '谁负责搬家？', { share: ['会议记录.md'], must: ['李雷负责搬家'], sources: ['会议记录.md'] }),
    ask('fact', '京都计划什么时候出发？', { share: ['旅行/京都计划.md'], must: ['四月十日'] }),
    ask('fact', '合同.docx 里的违约金是多少？', { share: ['papers/合同.docx'], must: ['两万元'] }),
    ask('fact', '新办公室的租金是多少？', { must: ['会议记录.md'], withheld: ['会议记录.md'], not: ['八千', JOURNAL] }),
    ask('search', '哪些笔记提到京都？', { must: ['travel/kyoto.md', '旅行/京都计划.md'], not: [JOURNAL] }),
    ask('search', '搜索 launch', { must: ['launch.md', 'launch checklist.md'], not: [JOURNAL] }),
    ask('search', '查找关于灯塔的文件', { must: ['项目/灯塔.md'], not: [JOURNAL] }),
    ask('search', '哪个文件提到自行车？', { must: ['日记 2024.md'], not: [JOURNAL] }),
    ask('search', 'quicksilver 在哪个文件里？', { must: ['logs/big.log'], not: ['launch.md'] }),
    ask('search', '列出所有文件', { must: [number(all(folder))] }),
    ask('summary', '总结 会议记录', { share: ['会议记录.md'], must: ['新办公室'], sources: ['会议记录.md'] }),
    ask('summary', '概括一下 projects/lighthouse.md', { share: ['projects/lighthouse.md'], must: ['Amelie Brandt'] }),
    ask('summary', '总结红烧肉.md', { share: ['菜谱/红烧肉.md'], must: ['五花肉'], sources: ['菜谱/红烧肉.md'] }),
    ask('summary', '总结发布计划', { must: ['项目/发布计划.md'], withheld: ['项目/发布计划.md'], not: ['旧港'] }),
    ask('nothing', '哪些笔记提到飞艇？', { must: ['飞艇'], not: ['.md'] }),
    ask('nothing', '搜索 木琴', { must: ['木琴'], not: ['.md'] }),
    ask('nothing', '总结 不存在.md', { must: ['不存在.md'] }),
    ask('nothing', '发布计划.md 里关于潜水艇说了什么？', {
      share: ['项目/发布计划.md'],
      must: ['潜水艇'],
      not: ['五月十四'],
    }),
    ask('nothing', '有没有关于火星的文件？', { must: ['火星'], not: [JOURNAL] }),
    ask('qualifier', '最大的文件是哪个？', { must: ['logs/big.log', /(?:48|50) MB/] }),
    ask('qualifier', '有多少个 PDF？', { must: [number(pdfs(folder))] }),
    ask('qualifier', '上周修改的文件有哪些？', { must: ofAge(folder, 'last week'), not: [JOURNAL] }),
    ask('qualifier', '会议记录.md 一共多少字？', { must: [number(charactersIn(folder, '会议记录.md'))] }),
    ask('qualifier', 'invoices.csv 里 amount 的总和是多少？', { must: [SUM] }),
    ask('qualifier', '有重复的文件吗？', { must: COPIES, not: [JOURNAL] }),
    ask('qualifier', '哪个文件夹的文件最多？', { must: ['journal', number(70)] }),
    ask('qualifier', '代码里有多少个 TODO？', { must: [number(10)] }),
  ];
}

/** Chinese characters, as people count 字. */
const charactersIn = ({ files }: MessyFolder, path: string): number =>
  files.find((file) => file.path === path)?.text?.match(/\p{Script=Han}/gu)?.length ?? 0;
