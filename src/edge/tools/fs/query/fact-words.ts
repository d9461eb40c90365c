// The words of facts in the languages in which they are told. Pure.

import type { UnseenWord } from '../looking.ts';
import type { ClassWord } from './file-class.ts';

export interface FactWords {
  files(n: number): string;
  folders(n: number): string;
  noFile: string;
  noFolder: string;
  /** Before a number that may be larger. */
  atLeast(fact: string): string;
  /** Of a list that is cut. */
  more(n: number): string;
  bytes(exact: string): string;
  kind(word: ClassWord | 'OTHER'): string;
  /** Behind a fact: what it leaves out. */
  aside(note: string): string;
  notLookedAt(n: number): string;
  moreEntries: string;
  why: Readonly<Record<UnseenWord, string>>;
  list(items: readonly string[]): string;
}

const EN: FactWords = {
  files: (n) => `${numberText(n)} ${n === 1 ? 'file' : 'files'}`,
  folders: (n) => `${numberText(n)} ${n === 1 ? 'folder' : 'folders'}`,
  noFile: 'no files',
  noFolder: 'no folders',
  atLeast: (fact) => `at least ${fact}`,
  more: (n) => `and ${numberText(n)} more`,
  bytes: (exact) => `${exact} bytes`,
  kind: (word) => EN_KINDS[word],
  aside: (note) => ` (${note})`,
  notLookedAt: (n) => `${numberText(n)} not looked at`,
  moreEntries: 'the folders hold more than one look goes through',
  why: {
    TOO_LARGE: 'too large',
    TOO_DEEP: 'too deep',
    UNREADABLE: 'may not be read',
    TIME: 'the time was over',
    BYTES: 'the limit of bytes was met',
    UNTELLABLE_NAME: 'a name that cannot be shown',
    NOT_TEXT: 'no plain text',
  },
  list: (items) => items.join(', '),
};

const EN_KINDS: Readonly<Record<ClassWord | 'OTHER', string>> = {
  PDF: 'PDF files',
  IMAGE: 'images',
  AUDIO: 'audio files',
  VIDEO: 'videos',
  CODE: 'code',
  TABLE: 'tables',
  DOCUMENT: 'documents',
  TEXT: 'text',
  MARKDOWN: 'Markdown',
  ARCHIVE: 'archives',
  LOG: 'logs',
  DATA: 'data and settings',
  PRESENTATION: 'presentations',
  MAIL: 'e-mail',
  FOLDER: 'folders',
  OTHER: 'others',
};

const ZH: FactWords = {
  files: (n) => `${numberText(n)} 个文件`,
  folders: (n) => `${numberText(n)} 个文件夹`,
  noFile: '没有文件',
  noFolder: '没有文件夹',
  atLeast: (fact) => `至少 ${fact}`,
  more: (n) => `另外还有 ${numberText(n)} 个`,
  bytes: (exact) => `${exact} 字节`,
  kind: (word) => ZH_KINDS[word],
  aside: (note) => `（${note}）`,
  notLookedAt: (n) => `有 ${numberText(n)} 个没有查看`,
  moreEntries: '文件夹里的内容比一次能查看的更多',
  why: {
    TOO_LARGE: '太大',
    TOO_DEEP: '层级太深',
    UNREADABLE: '无法读取',
    TIME: '时间已到',
    BYTES: '已达到字节上限',
    UNTELLABLE_NAME: '名称无法显示',
    NOT_TEXT: '不是纯文本',
  },
  list: (items) => items.join('、'),
};

const ZH_KINDS: Readonly<Record<ClassWord | 'OTHER', string>> = {
  PDF: 'PDF 文件',
  IMAGE: '图片',
  AUDIO: '音频',
  VIDEO: '视频',
  CODE: '代码',
  TABLE: '表格',
  DOCUMENT: '文档',
  TEXT: '文本',
  MARKDOWN: 'Markdown',
  ARCHIVE: '压缩文件',
  LOG: '日志',
  DATA: '数据和配置',
  PRESENTATION: '演示文稿',
  MAIL: '邮件',
  FOLDER: '文件夹',
  OTHER: '其他',
};

/** @param language a BCP 47 tag; English where it is none that is known here */
export const factWords = (language: string): FactWords => (/^zh(?:-|$)/i.test(language) ? ZH : EN);

/** A whole number with commas between thousands. */
export function numberText(n: number | bigint): string {
  const digits = String(n);
  let text = '';
  for (let end = digits.length; end > 0; end -= 3) {
    const group = digits.slice(Math.max(0, end - 3), end);
    text = text === '' ? group : `${group},${text}`;
  }
  return text;
}

/** A size as people say it, in units of 1024. */
export function sizeText(bytes: number, words: FactWords): string {
  if (bytes < 1024) return words.bytes(numberText(bytes));
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024;
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${units[unit]}`;
}

/** A time in the time zone of this process, to the minute. */
export function dateText(ms: number): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** One item is a phrase, several are a list of Markdown with what is left out at its end. */
export function itemsText(items: readonly string[], left: number, words: FactWords): string {
  const [first = ''] = items;
  if (items.length <= 1) return left > 0 ? `${first}${words.aside(words.more(left))}` : first;
  const lines = items.map((item) => `- ${item}`);
  if (left > 0) lines.push(`- ${words.more(left)}`);
  return lines.join('\n');
}
