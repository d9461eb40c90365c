// Every sentence that the rules model says of itself, in English and Chinese. Quotes of files are never made here.
import { SizeClass } from '../../gen/bowline/run/v1/run_pb.ts';
import type { AnswerLanguage } from './language.ts';

interface Phrases {
  readonly help: string;
  /** The question is not about files. */
  readonly aside: string;
  readonly closest: string;
  readonly nothingSaid: (subject: string, files: string) => string;
  /** The question is in another script than the files: that its words do not stand there says nothing. */
  readonly otherScript: (subject: string, files: string) => string;
  readonly nothingFound: (subject: string) => string;
  readonly noFile: (names: string) => string;
  readonly noQuestion: string;
  readonly contentFrom: (path: string) => string;
  readonly summaryOf: (path: string) => string;
  readonly foundFor: (subject: string) => string;
  readonly filesAre: string;
  readonly filesCounted: (count: string) => string;
  /** Not found, but not everything was looked at. */
  readonly notSeen: (subject: string) => string;
  /** The search was refused, wholly or in part. */
  readonly notSearched: (subject: string) => string;
  readonly noFiles: string;
  readonly more: (count: number) => string;
  readonly moreUnknown: string;
  readonly cut: (path: string) => string;
  readonly withheld: (files: string, subject: string) => string;
  readonly withheldToo: string;
  readonly withheldOutput: (command: string) => string;
  readonly known: string;
  readonly nameOnly: string;
  readonly changed: (when: string) => string;
  readonly failed: (tool: string, what: string, why: string) => string;
  readonly noTool: (tool: string) => string;
  readonly ran: (command: string, exit: string) => string;
  readonly noOutput: string;
  readonly exit: (code: number, signal: string) => string;
  readonly otherFiles: string;
  readonly empty: (path: string) => string;
  readonly folder: string;
  readonly page: (page: number) => string;
  readonly notUnderstood: (words: readonly string[]) => string;
  /** Files are asked for by what they are not. */
  readonly noNegation: (words: readonly string[]) => string;
  /** It is to change files, which it cannot. */
  readonly noDeed: string;
  /** Opens the extract of a conversation. */
  readonly saidSoFar: string;
  readonly asked: string;
  readonly answered: string;
}

const en: Phrases = {
  help: 'I can find, read, list and summarise the files of this device and run the commands that are allowed there. Try “What does notes.md say about the launch date?”, “find files about budget” or “summarise docs”.',
  aside: 'This is not about your files, so I cannot answer it: I find and quote lines of files, and know nothing else.',
  closest: 'No line answers this directly. The closest ones:',
  nothingSaid: (subject, files) => `I found no line about “${subject}” in ${files}.`,
  otherScript: (subject, files) =>
    `I did not understand “${subject}” for ${files}, which is in another language: I compare words alone. Ask in the language of the file.`,
  nothingFound: (subject) => `I found nothing about “${subject}”.`,
  noFile: (names) => `I found no file called ${names}.`,
  noQuestion: 'There is no question that I can read.',
  contentFrom: (path) => `From ${path}:`,
  summaryOf: (path) => `What ${path} says, in its own lines:`,
  foundFor: (subject) => `Found for “${subject}”:`,
  filesAre: 'The files:',
  filesCounted: (count) => `In all: ${count}. The first of them:`,
  notSeen: (subject) => `“${subject}” does not stand in what I could look at so far.`,
  notSearched: (subject) =>
    `I could not search every file for “${subject}”, so it may stand in one of them: share or name the file that you mean.`,
  noFiles: 'There are no files here.',
  more: (count) => `… and ${count} more.`,
  moreUnknown: '… and more.',
  cut: (path) => `(${path} is longer than I could read; its end is missing here.)`,
  withheld: (files, subject) =>
    `The content of ${files} was not shared with me, so I cannot tell what it says${subject && ` about “${subject}”`}.`,
  withheldToo: 'Not shared with me, so not used:',
  withheldOutput: (command) => `The output of ${command} was not shared with me.`,
  known: 'What I know without it:',
  nameOnly: 'name only',
  changed: (when) => `changed ${when}`,
  failed: (tool, what, why) => `${tool}${what ? ` ${what}` : ''} did not work: ${why}`,
  noTool: (tool) => `I would need the tool ${tool}, and it is not offered to me here.`,
  ran: (command, exit) => `Ran ${command}: ${exit}.`,
  noOutput: 'It printed nothing.',
  exit: (code, signal) => (signal ? `ended by ${signal}` : `exit code ${code}`),
  otherFiles: 'Files that are there:',
  empty: (path) => `${path} is empty.`,
  folder: 'folder',
  page: (page) => `page ${page}`,
  notUnderstood: (words) =>
    `I did not understand ${words.map((each) => `“${each}”`).join(' and ')}; the answer is without it.`,
  noNegation: (words) =>
    `I did not understand ${words.map((each) => `“${each}”`).join(' and ')}: I can look for what files are and hold, not for what they are not. Ask for the opposite, and leave those files out.`,
  noDeed: 'I cannot delete, write, move, copy or rename files. Nothing was changed.',
  saidSoFar: 'What was said, in its own words:',
  asked: 'Owner',
  answered: 'Bowline',
};

const zh: Phrases = {
  help: '我可以查找、读取、列出和总结这台设备上的文件，也可以运行那里允许的命令。例如：“notes.md 里关于发布日期说了什么？”、“查找关于预算的文件”、“总结 docs”。',
  aside: '这个问题与文件无关，我无法回答：我只查找并引用文件里的内容，别的一概不知。',
  closest: '没有哪一行直接回答这个问题。最接近的是：',
  nothingSaid: (subject, files) => `在 ${files} 里没有找到关于“${subject}”的内容。`,
  otherScript: (subject, files) =>
    `我没有理解“${subject}”，因为 ${files} 用的是另一种语言，而我只比较词语。请用文件的语言提问。`,
  nothingFound: (subject) => `没有找到关于“${subject}”的内容。`,
  noFile: (names) => `没有找到名为 ${names} 的文件。`,
  noQuestion: '没有我能读懂的问题。',
  contentFrom: (path) => `${path} 的原文：`,
  summaryOf: (path) => `${path} 的要点（原文摘录）：`,
  foundFor: (subject) => `关于“${subject}”找到：`,
  filesAre: '文件如下：',
  filesCounted: (count) => `总共：${count}。前面的是：`,
  notSeen: (subject) => `到目前为止看过的内容里没有出现“${subject}”。`,
  notSearched: (subject) => `我没能在所有文件里搜索“${subject}”，所以它可能就在其中：请共享或指明要看的文件。`,
  noFiles: '这里没有文件。',
  more: (count) => `……另有 ${count} 个。`,
  moreUnknown: '……还有更多。',
  cut: (path) => `（${path} 太长，没有读完，结尾部分不在这里。）`,
  withheld: (files, subject) =>
    `${files} 的内容没有共享给我，所以我无法回答${subject && `其中关于“${subject}”的内容`}。`,
  withheldToo: '没有共享给我、因此没有使用：',
  withheldOutput: (command) => `${command} 的输出没有共享给我。`,
  known: '不看内容我只知道：',
  nameOnly: '只有文件名',
  changed: (when) => `修改于 ${when}`,
  failed: (tool, what, why) => `${tool}${what ? ` ${what}` : ''} 没有成功：${why}`,
  noTool: (tool) => `这需要工具 ${tool}，但这里没有提供给我。`,
  ran: (command, exit) => `已运行 ${command}：${exit}。`,
  noOutput: '没有任何输出。',
  exit: (code, signal) => (signal ? `被 ${signal} 终止` : `退出码 ${code}`),
  otherFiles: '现有的文件：',
  empty: (path) => `${path} 是空文件。`,
  folder: '文件夹',
  page: (page) => `第 ${page} 页`,
  notUnderstood: (words) => `我没有理解${words.map((each) => `“${each}”`).join('和')}，以上回答没有考虑这一点。`,
  noNegation: (words) =>
    `我没有理解${words.map((each) => `“${each}”`).join('和')}：我只能查找文件是什么、含有什么，不能查找不是什么、没有什么。请反过来问，再把那些文件排除。`,
  noDeed: '我不能删除、写入、移动、复制或重命名文件。什么都没有改动。',
  saidSoFar: '对话摘录（原文）：',
  asked: '用户',
  answered: 'Bowline',
};

export const phrasesIn = (language: AnswerLanguage): Phrases => (language === 'zh' ? zh : en);

const SIZES: Readonly<Record<SizeClass, readonly [string, string]>> = {
  [SizeClass.UNSPECIFIED]: ['', ''],
  [SizeClass.EMPTY]: ['empty', '空'],
  [SizeClass.UNDER_1K]: ['under 1 KiB', '小于 1 KiB'],
  [SizeClass.UNDER_16K]: ['under 16 KiB', '小于 16 KiB'],
  [SizeClass.UNDER_256K]: ['under 256 KiB', '小于 256 KiB'],
  [SizeClass.UNDER_4M]: ['under 4 MiB', '小于 4 MiB'],
  [SizeClass.UNDER_64M]: ['under 64 MiB', '小于 64 MiB'],
  [SizeClass.LARGER]: ['64 MiB or more', '64 MiB 以上'],
};

export const sizeIn = (language: AnswerLanguage, size: SizeClass): string =>
  SIZES[size]?.[language === 'zh' ? 1 : 0] ?? '';
export type { Phrases };
