// Which files a question means: their kinds, when they changed, how large they are. Each reader takes its words out of the question.
import { type Days, readDays } from './days.ts';
import { FORMAT_KINDS, takeFormats } from './formats.ts';
import type { Reading } from './reading.ts';

/** What files must be like, in the words of `fs.Query`, with the same for people. */
export interface Filters extends Days {
  readonly classes: readonly string[];
  readonly glob: string;
  readonly span: string;
  readonly lastDays: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Whether it says that something was done to them in that time. */
  readonly changed: boolean;
  /** How the question itself says it, in order. */
  readonly words: readonly string[];
}

const CLASSES: readonly (readonly [string, RegExp])[] = [
  ['PDF', /\bpdfs?\b|(?<![\w.])pdf/i],
  ['MARKDOWN', /\bmarkdown\b/i],
  ['IMAGE', /\b(?:images?|photos?|pictures?|drawings?)\b|图片|照片|图像|相片/i],
  ['AUDIO', /\b(?:audio|music|songs?|recordings?)\b|音频|音乐|歌曲|录音/i],
  ['VIDEO', /\b(?:videos?|films?|movies?)\b|视频|影片|电影/i],
  ['CODE', /\b(?:source code|code|source|scripts?|programs?)\b|源代码|源码|代码|脚本/i],
  ['TABLE', /\b(?:tables?|spreadsheets?)\b|表格|电子表/i],
  ['PRESENTATION', /\b(?:presentations?|slides?)\b|幻灯片|演示文稿/i],
  ['MAIL', /\b(?:e-?mails?)\b|邮件/i],
  ['ARCHIVE', /\barchives?\b|压缩包|压缩文件/i],
  ['LOG', /\blogs?\b|日志/i],
  ['DOCUMENT', /\b(?:documents?|docs?)\b|文档/i],
  ['TEXT', /\b(?:notes?|text)\b|笔记|文本/i],
];
const FOLDERS = /\b(?:sub)?(?:folders?|directories|directory)\b|文件夹|目录/i;
const SPANS: readonly (readonly [string, RegExp])[] = [
  ['TODAY', /\b(?:since )?today\b|今天|今日/i],
  ['YESTERDAY', /\byesterday\b|昨天|昨日/i],
  ['THIS_WEEK', /\bthis week\b|本周|这周|这个?星期|这个?礼拜/i],
  ['LAST_WEEK', /\b(?:last|previous) week\b|上周|上个?星期|上个?礼拜/i],
  ['THIS_MONTH', /\bthis month\b|本月|这个月/i],
  ['LAST_MONTH', /\b(?:last|previous) month\b|上个?月/i],
  ['THIS_YEAR', /\bthis year\b|今年/i],
  ['LAST_YEAR', /\b(?:last|previous) year\b|去年/i],
];
const DAYS: Readonly<Record<string, number>> = {
  hour: 1,
  day: 1,
  week: 7,
  month: 30,
  year: 365,
  小时: 1,
  天: 1,
  日: 1,
  周: 7,
  星期: 7,
  月: 30,
  年: 365,
};
const LAST_DAYS =
  /\b(?:the )?(?:last|past) (\d{1,4}|one|two|three|four|five|six|seven|ten|few) (hour|day|week|month|year)s?\b|\b(?:the (?:last|past)|past) (hour|day|week|month|year)\b|(?:最近|过去|近)\s{0,4}(\d{1,4}|[一二两三四五六七八九十]{1,3})\s{0,4}个?\s{0,4}(小时|天|日|周|星期|月|年)(?:之?内|以来)?/i;
const SIZE =
  /\b(?:(larger|bigger|greater|more|over|above)|(smaller|less|under|below))(?: than)?\s{1,4}(\d{1,9}(?:\.\d{1,3})?)\s{0,4}([kmgt]i?b?|bytes?|kilobytes?|megabytes?|gigabytes?)\b|(?:(大于|超过|大过)|(小于|不到|少于|低于))\s{0,4}(\d{1,9}(?:\.\d{1,3})?)\s{0,4}([kmgt]i?b?|字节)/i;
/** The device takes 0 bytes for any size; a file of one byte holds nothing either. */
const EMPTY =
  /\b(?:are |is |that are )?(?:completely )?empty\b|\b(?:zero|0) bytes?\b|空(?=的?(?:文件|笔记|文档))|(?:是|为)空的?/i;
const CHANGE =
  /\b(?:that |which |were |was |have been |has been |did I |I |I've |have |been |last )*(?:changed?|modified|edited|updated|touched|written|saved)\b|(?:被)?(?:修改|更改|改动|更新|编辑|改)(?:过|了)?/i;

/** What the question says of the files; what it understands is taken out. @param union whether files are meant that fit any of it */
export function readFilters(text: Reading, union = false): Filters {
  const words: string[] = [];
  const say = (match: RegExpExecArray | undefined) => {
    if (match) words.push(match[0].trim());
    return match;
  };
  const { glob, classes } = readKinds(text, say, union);
  const days = say(text.take(LAST_DAYS));
  let span = '';
  for (const [name, pattern] of SPANS) if (span === '' && days === undefined && say(text.take(pattern))) span = name;
  const size = say(text.take(SIZE));
  const bytes = size ? bytesOf(size[3] ?? size[7]!, size[4] ?? size[8]!) : 0;
  const empty = size === undefined && say(text.take(EMPTY)) !== undefined;
  const less = size !== undefined && (size[2] ?? size[6]) !== undefined;
  const dates = readDays(text, text.has(CHANGE));
  const timed = span !== '' || days !== undefined || dates.words.length > 0;
  const changed = timed && text.takeAll(CHANGE);
  return {
    classes,
    glob,
    span,
    lastDays: days ? daysOf(days[1] ?? days[4], days[2] ?? days[3] ?? days[5]!) : 0,
    minBytes: size && !less ? bytes + 1 : 0,
    maxBytes: empty ? 1 : size && less ? bytes - 1 : 0,
    changed,
    fromDay: dates.fromDay,
    beforeDay: dates.beforeDay,
    words: [...words, ...dates.words],
  };
}

type Say = (match: RegExpExecArray | undefined) => RegExpExecArray | undefined;

/** The kinds and formats of files. Both must fit, so a kind whose files are none of the formats is left to be not understood. */
function readKinds(text: Reading, say: Say, union: boolean): Pick<Filters, 'classes' | 'glob'> {
  const asked = CLASSES.filter(([, pattern]) => text.has(pattern)).map(([name]) => name);
  const also = union ? [] : asked.flatMap((name) => FORMAT_KINDS[name] ?? []);
  const { glob, kinds } = takeFormats(text, (match) => say(match), also);
  const classes: string[] = [];
  for (const [name, pattern] of CLASSES) {
    const isFormat = !union && glob !== '';
    // "PDF documents" are PDF files; "notes" beside a kind says no more than "files".
    if (isFormat && (SAYS_NO_MORE.has(name) || kinds.includes(name))) text.take(pattern);
    else if (isFormat && FORMAT_KINDS[name] !== undefined) say(text.take(pattern));
    else if (!isFormat && say(text.take(pattern))) classes.push(name);
  }
  return { glob, classes: classes.length > 1 ? classes.filter((name) => !SAYS_NO_MORE.has(name)) : classes };
}

const SAYS_NO_MORE: ReadonlySet<string> = new Set(['TEXT', 'DOCUMENT']);

/** Whether folders are meant instead of files. */
export const takeFolders = (text: Reading): boolean => text.takeAll(FOLDERS);

const UNITS = ['', 'k', 'm', 'g', 't'];

/** KB are 1,000 bytes, KiB 1,024. */
function bytesOf(count: string, unit: string): number {
  const base = /i/i.test(unit) ? 1024 : 1000;
  const power = UNITS.indexOf(/^[kmgt]/i.test(unit) ? unit[0]!.toLowerCase() : '');
  return Math.round(Number(count) * base ** power);
}

const daysOf = (count: string | undefined, unit: string): number =>
  Math.max(1, (count === undefined ? 1 : numberIn(count)) * (DAYS[unit.toLowerCase()] ?? 1));

const ENGLISH = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const CHINESE = '零一二三四五六七八九十';

/** A number in digits or in small words. */
export function numberIn(word: string): number {
  if (/^\d+$/.test(word)) return Number(word);
  const small = word.toLowerCase();
  if (ENGLISH.includes(small)) return ENGLISH.indexOf(small);
  if (small === 'few') return 3;
  if (small === '两') return 2;
  const ten = word.indexOf('十');
  if (ten < 0) return Math.max(0, CHINESE.indexOf(word));
  const [tens, ones] = [word.slice(0, ten), word.slice(ten + 1)];
  return (tens === '' ? 1 : CHINESE.indexOf(tens)) * 10 + (ones === '' ? 0 : CHINESE.indexOf(ones));
}
