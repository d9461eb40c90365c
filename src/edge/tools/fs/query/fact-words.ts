// The words of facts in the languages in which they are told. Pure.

import type { UnseenWord } from '../looking.ts';
import type { ClassWord } from './file-class.ts';

export interface FactWords {
  files(n: number): string;
  folders(n: number): string;
  noFile: string;
  noFolder: string;
  /** Of a file or folder that is asked for by its name. */
  notFound(name: string): string;
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
  /** Between what is said and a list of it. */
  colon: string;
  words(n: number, characters: number): string;
  lines(n: number): string;
  inFiles(n: number): string;
  times(n: number, files: number): string;
  noDuplicates: string;
  equalSets(files: number, sets: number): string;
  each(size: string): string;
  /** @param table empty where there are several */
  cellsOf(column: string, table: string, tables: number): string;
  rows(n: number): string;
  cells(n: number): string;
  numbers(n: number): string;
  notNumbers(n: number, of: number, example: string): string;
  noNumber: string;
  noTable: string;
  noColumn(column: string, table: string, headers: readonly string[]): string;
  noColumnIn(tables: number): string;
  brokenTables(n: number): string;
  /** Files that turned out to have no text. */
  noText(n: number, names: readonly string[]): string;
  /** Of files whose encoding nobody said. */
  guessed(charset: string, names: readonly string[]): string;
  /** Of a file of which something is missing. */
  warned(name: string, warning: string): string;
}

const EN: FactWords = {
  files: (n) => `${numberText(n)} ${n === 1 ? 'file' : 'files'}`,
  folders: (n) => `${numberText(n)} ${n === 1 ? 'folder' : 'folders'}`,
  noFile: 'no files',
  noFolder: 'no folders',
  notFound: (name) => `no file called “${name}” was found`,
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
    UNREADABLE: 'could not be read',
    TIME: 'the time was over',
    BYTES: 'the limit of bytes was met',
    UNTELLABLE_NAME: 'a name that cannot be shown',
    NOT_TEXT: 'no plain text',
    HIDDEN: 'hidden',
  },
  list: (items) => items.join(', '),
  colon: ': ',
  words: (n, characters) => {
    const words = `${numberText(n)} ${n === 1 ? 'word' : 'words'}`;
    if (characters === 0) return words;
    const signs = `${numberText(characters)} Chinese or Japanese ${characters === 1 ? 'character' : 'characters'}`;
    return n === 0 ? signs : `${words} and ${signs}`;
  },
  lines: (n) => `${numberText(n)} ${n === 1 ? 'line' : 'lines'}`,
  inFiles: (n) => `in ${EN.files(n)}`,
  times: (n, files) => (n === 0 ? '0 times' : `${numberText(n)} ${n === 1 ? 'time' : 'times'} in ${EN.files(files)}`),
  noDuplicates: 'no duplicates',
  equalSets: (files, sets) => `${EN.files(files)} in ${numberText(sets)} sets of equal files`,
  each: (size) => `${size} each`,
  cellsOf: (column, table, tables) => {
    const where = table === '' ? `${numberText(tables)} tables` : table;
    return column === '' ? where : `column ${column} of ${where}`;
  },
  rows: (n) => `${numberText(n)} ${n === 1 ? 'row' : 'rows'}`,
  cells: (n) => `${numberText(n)} filled ${n === 1 ? 'cell' : 'cells'}`,
  numbers: (n) => `${numberText(n)} ${n === 1 ? 'number' : 'numbers'}`,
  notNumbers: (n, of, example) =>
    `${numberText(n)} of ${numberText(of)} cells ${n === 1 ? 'is not a number' : 'are not numbers'}, e.g. “${example}”`,
  noNumber: 'no number',
  noTable: 'no table in CSV or TSV',
  noColumn: (column, table, headers) =>
    `no column “${column}” in ${table}; its columns are ${headers.map((header) => `“${header}”`).join(', ')}`,
  noColumnIn: (tables) => `${numberText(tables)} ${tables === 1 ? 'table has' : 'tables have'} no such column`,
  brokenTables: (n) => `${numberText(n)} ${n === 1 ? 'table' : 'tables'} could not be read to the end`,
  guessed: (charset, names) => `read as ${charset}, a guess: ${names.join(', ')}`,
  warned: (name, warning) => `${name}: ${warning}`,
  noText: (n, names) => `no text in ${numberText(n)}: ${names.join(', ')}`,
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
  notFound: (name) => `没有找到名为“${name}”的文件`,
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
    HIDDEN: '隐藏项',
  },
  list: (items) => items.join('、'),
  colon: '：',
  words: (n, characters) => {
    if (characters === 0) return `${numberText(n)} 个单词`;
    const total = `${numberText(n + characters)} 字`;
    return n === 0 ? total : `${total}（${numberText(characters)} 个汉字或假名、${numberText(n)} 个单词）`;
  },
  lines: (n) => `${numberText(n)} 行`,
  inFiles: (n) => `共 ${ZH.files(n)}`,
  times: (n, files) => (n === 0 ? '0 次' : `${numberText(n)} 次（在 ${ZH.files(files)}中）`),
  noDuplicates: '没有重复的文件',
  equalSets: (files, sets) => `${ZH.files(files)}，分为 ${numberText(sets)} 组相同的文件`,
  each: (size) => `每个 ${size}`,
  cellsOf: (column, table, tables) => {
    const where = table === '' ? `${numberText(tables)} 个表格` : table;
    return column === '' ? where : `${where} 的“${column}”列`;
  },
  rows: (n) => `${numberText(n)} 行`,
  cells: (n) => `${numberText(n)} 个非空单元格`,
  numbers: (n) => `${numberText(n)} 个数`,
  notNumbers: (n, of, example) => `${numberText(of)} 个单元格中有 ${numberText(n)} 个不是数字，例如“${example}”`,
  noNumber: '没有数字',
  noTable: '没有 CSV 或 TSV 表格',
  noColumn: (column, table, headers) =>
    `${table} 里没有“${column}”列；它的列有${headers.map((header) => `“${header}”`).join('、')}`,
  noColumnIn: (tables) => `${numberText(tables)} 个表格没有这一列`,
  brokenTables: (n) => `${numberText(n)} 个表格没能读完`,
  guessed: (charset, names) => `按 ${charset} 编码读取（推测）：${names.join('、')}`,
  warned: (name, warning) => `${name} 没能全部读出：${warning}`,
  noText: (n, names) => `${numberText(n)} 个没有文本：${names.join('、')}`,
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
export const numberText = (n: number | bigint): string => withCommas(String(n));

/** Digits with commas between thousands. */
export function withCommas(digits: string): string {
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

/** One item is a phrase, several are a list of Markdown with what is left out at its end. */
export function itemsText(items: readonly string[], left: number, words: FactWords): string {
  const [first = ''] = items;
  if (items.length <= 1) return left > 0 ? `${first}${words.aside(words.more(left))}` : first;
  const lines = items.map((item) => `- ${item}`);
  if (left > 0) lines.push(`- ${words.more(left)}`);
  return lines.join('\n');
}
