// What a question wants to know about files: which of the measures of `fs.Query`. The words that say so are taken out.
import { subjectWords } from '../words.ts';
import { numberIn } from './filters.ts';
import { CLEAR_FORMAT } from './formats.ts';
import { type Reading, wordPattern } from './reading.ts';

export interface Measured {
  /** Without the prefix of the contract, e.g. `LARGEST`. */
  readonly measure: string;
  /** Items of a list; 0 means as many as the device gives. */
  readonly most: number;
  readonly column?: string;
  readonly terms?: readonly string[];
}

/** Words for what this is about: without one of them "largest" is about something else. */
const FILE_WORDS =
  /\b(?:files?|notes?|documents?|docs?|folders?|director(?:y|ies)|pdfs?|images?|photos?|pictures?|videos?|songs?|csvs?|spreadsheets?|tables?|logs?|scripts?|source code|archives?|markdown|e-?mails?|presentations?|slides?)\b|文件夹?|目录|笔记|文档|图片|照片|视频|音乐|表格|日志|代码|脚本|压缩包|邮件|幻灯片|(?<![\w.])(?:pdf|markdown)(?!\w)/i;
export const FILES = new RegExp(`${FILE_WORDS.source}|${CLEAR_FORMAT.source}`, 'i');
const NAMED_FILES =
  /\b(?:all |any |all of |the |my |these |of |in |are |there |here )*(?:files|file)\b|(?:所有|全部)?(?:的)?(?:文件|资料)/i;

/** What a person writes into code to find it again. */
const MARKERS = /\b(TODO|FIXME|XXX|HACK)s?(?![a-z])/;
const TIMES = [
  /\bhow (?:often|many times) (?:is|are|does|do|was|were|has|have|can) (?:the )?(?:word |name |term |phrase )?["“'`]?([^"”'`?]{1,80}?)["”'`]? (?:mentioned|used|occur|occurs|appear|appears|found|written|named|been mentioned|come up|comes up)\b/i,
  /\b(?:how many|number of) (?:occurrences|mentions) of (?:the )?(?:word |name )?["“'`]?([^"”'`?]{1,80}?)["”'`]?(?= (?:in|are|is|there)\b|[?.]|$)/i,
  /["“”「]?([^\s"“”「」，,里中]{1,40}?)["”」]?(?:一词|这个词)?\s{0,4}(?:一共|总共|共)?\s{0,4}(?:出现|提到|提及|用)(?:过|了)?(?:多少|几)(?:次|回|处)/i,
];
const COUNTED_TEXT = /\bhow many ["“”'`]([^"“”'`?]{1,80})["“”'`]/i;

const COLUMN_MEASURES: readonly (readonly [string, RegExp])[] = [
  ['COLUMN_AVERAGE', /\b(?:average|mean)\b|平均值?数?/i],
  ['COLUMN_MAX', /\b(?:max(?:imum)?|highest|greatest|largest|biggest)\b|最大值?|最高/i],
  ['COLUMN_MIN', /\b(?:min(?:imum)?|lowest|least|smallest)\b|最小值?|最低/i],
  [
    'COLUMN_COUNT',
    /\bhow many (?:rows|entries|records)\b|\bnumber of (?:rows|entries|records)\b|(?:有|共)?(?:多少|几)(?:行|条)(?:数据|记录)?/i,
  ],
  [
    'COLUMN_SUM',
    /\b(?:sum|sum up|total|add up|summed|in total|altogether|how much)\b|总和|合计|总计|求和|总额|总数|加起来|加总|相加|(?:一共|总共)(?:是|有)?(?:多少)?/i,
  ],
];

const PATTERNS: readonly (readonly [string, RegExp])[] = [
  [
    'DUPLICATES',
    /\bduplicate[ds]?\b|\bidentical\b|\bsame content\b|\btwice\b|\bcop(?:y|ies) of\b|\bother cop(?:y|ies)\b|重复|副本|拷贝|(?:内容)?(?:相同|一样|一模一样)的?/i,
  ],
  [
    'WORDS',
    /\bhow many words\b|\bword count\b|\bnumber of words\b|(?:一共|总共|共)?(?:有|是)?(?:多少|几)个?(?:字|单词|词)|字数|词数/i,
  ],
  [
    'LINES',
    /\bhow many lines\b|\bline count\b|\bnumber of lines\b|\blines of code\b|(?:一共|总共|共)?(?:有|是)?(?:多少|几)行|行数/i,
  ],
  [
    'FOLDER_SIZES',
    /\b(?:which|what) (?:sub)?(?:folders?|director(?:y|ies))\b(?=.{0,60}\b(?:largest|biggest|heaviest|space|storage|disk|room)\b)|\b(?:largest|biggest|heaviest) (?:sub)?(?:folders?|director(?:y|ies))\b|\b(?:size of|how (?:big|large) (?:is|are)) (?:each|every|all|all the|my) (?:sub)?(?:folders?|director(?:y|ies))\b|哪[个些](?:文件夹|目录)(?=.{0,12}(?:最大|空间|体积|最占))|最大的?(?:[两三四五六七八九十几]个)?(?:文件夹|目录)|[每各]个?(?:文件夹|目录)(?:有|是)?多大/i,
  ],
  [
    'BY_FOLDER',
    /\b(?:which|what) (?:folder|directory) (?:has|holds|contains|is)\b(?: the)?(?: most)?|\b(?:per|by|each|every|in each|of each) (?:folder|directory)\b|哪个(?:文件夹|目录)(?:里|中)?的?(?:文件)?(?:最多)?|(?:每个|各个?|按)(?:文件夹|目录)(?:里|中)?/i,
  ],
  [
    'BY_KIND',
    /\b(?:what|which|how many) (?:kinds?|types?|sorts?)(?: of files?)?\b|\b(?:by|per|of each|each) (?:kind|type|extension)\b|(?:哪些|什么|哪几种|几种)(?:类型|种类|格式)|(?:按|各)(?:类型|种类|格式)/i,
  ],
  ['LARGEST', /\b(?:tak(?:es?|ing) up|us(?:es?|ing)) the most (?:disk )?space\b|占用?的?空间最[多大]的?/i],
  [
    'TOTAL_SIZE',
    /\btotal size\b|\bhow (?:big|large)\b|\bhow much (?:disk )?(?:space|storage|room)\b|\bsize of\b|\btake up\b|总大小|(?:有|是)?多大|占(?:用|了)?(?:了)?多少(?:空间)?|大小/i,
  ],
  ['LARGEST', /\b(?:the )?(?:largest|biggest)\b|最大(?:的)?/i],
  ['SMALLEST', /\b(?:the )?(?:smallest|tiniest)\b|最小(?:的)?/i],
  ['OLDEST', /\b(?:the )?(?:oldest|least recent(?:ly)?)\b|最旧(?:的)?|最老(?:的)?|最早(?:的)?/i],
  [
    'NEWEST',
    /\b(?:the )?(?:newest|latest|most recent(?:ly)?|recently)\b|\bwhen (?:did|was|were|has|have)\b(?=.{0,80}\b(?:chang|modif|edit|updat|touch|written|saved))|\blast(?= (?:changed|modified|edited|updated))|\b(?:chang\w+|modif\w+|edit\w+|updat\w+) (?:last|most recently)\b(?! (?:week|month|year|\d))|最新(?:的)?|最近(?=修改|更改|改动|更新|编辑|改|的)|(?:什么时候|何时|最后一次)(?=.{0,20}(?:修改|更改|改动|更新|编辑|改))/i,
  ],
  [
    'COUNT',
    /\bhow many\b|\bnumber of\b|\bcount(?: of)?\b|(?:一共|总共|共)?(?:有)?(?:多少|几)(?:个|份|张|篇|封|首)?|数量/i,
  ],
];
const CHANGE =
  /\b(?:was |were |did |it |that )*(?:changed?|modified|edited|updated|touched)\b|(?:被)?(?:修改|更改|改动|更新|编辑|改)(?:过|了)?/i;
const PLURAL =
  /\b(?:files|notes|documents|docs|folders|pdfs|images|photos|pictures|videos|songs|logs|scripts)\b|哪些|几个/i;
const TOP =
  /\b(?:top |the )?(\d{1,3}|two|three|four|five|six|seven|eight|nine|ten)(?= (?:largest|biggest|smallest|newest|latest|oldest|most))|(?<=最(?:大|小|新|旧|老)的?)(?:前)?(\d{1,3}|[两三四五六七八九十])个|\btop (\d{1,3})\b|前(\d{1,3}|[两三四五六七八九十])个?|哪(\d{1,3}|[两三四五六七八九十])个|(\d{1,3}|[两三四五六七八九十])个(?=文件|笔记|文档|图片|照片|目录|最)/iu;
const ORDERED: ReadonlySet<string> = new Set(['LARGEST', 'SMALLEST', 'NEWEST', 'OLDEST', 'FOLDER_SIZES']);
/** What is left of "which folder takes up the most space". */
const SPACE =
  /\b(?:is |are )?(?:the )?(?:largest|biggest|heaviest)\b|\b(?:tak|us|occup)\w+(?: up)?\b|\b(?:the )?most\b|\b(?:disk )?(?:space|storage|room)\b|占用?了?|的?(?:磁盘)?空间|体积|最[大多](?:的)?/i;

/** What is to be computed; undefined when the question wants nothing of the kind. `table`: a table is named. `named`: any file is. */
export function readMeasure(text: Reading, table: boolean, named: boolean): Measured | undefined {
  return (table ? readColumn(text) : undefined) ?? readOccurrences(text) ?? readPattern(text, named);
}

function readColumn(text: Reading): Measured | undefined {
  for (const [measure, pattern] of COLUMN_MEASURES) {
    if (!text.has(pattern)) continue;
    const rows = measure === 'COLUMN_COUNT';
    const column = rows ? undefined : columnIn(text, pattern);
    if (!rows && column === undefined) return undefined;
    text.takeAll(pattern);
    text.takeAll(/\b(?:value|values|amount of|column|sum|total)\b|这?一?列|多少/i);
    return { measure, most: 0, ...(column === undefined ? {} : { column }) };
  }
  return undefined;
}

const QUOTED_COLUMN = /["“'`「]([^"”'`」]{1,80})["”'`」]/;
const COLUMN_WORD =
  /\b(?:column|field) (?:called |named )?([\p{L}\p{N}_-]{1,80})|\bthe ([\p{L}\p{N}_-]{1,80}) column\b|([\p{L}\p{N}_-]{1,40}?)\s{0,4}[这那]?一?列/iu;
const COLUMN_AFTER =
  /^\s{0,4}(?:up |of |for )?(?:(?:value|values|number|numbers|figure) (?:of|in|for) )?(?:all |the |of )*([\p{L}_][\p{L}\p{N}_-]{0,80})/iu;
const COLUMN_BEFORE = /([\p{L}_][\p{L}\p{N}_-]{0,40}?)\s{0,4}(?:的|是)?\s{0,4}$/u;
const NO_COLUMN =
  /^(?:is|are|was|in|of|the|to|up|do|does|what|for|value|values|from|a|an|row|rows|there|column|file|里|中|里的|中的|的)$|^(?:是|为|有|多少|等于)/i;

const COLUMN_NOISE = /\b(?:values?|numbers?|figures?|up|to|all|rows?|columns?|csv|tsv|table)\b|的|多少|几|列|表格?/gi;

/** The column that a sum or the like is of, taken out: quoted, called a column, or beside the measure's word. */
function columnIn(text: Reading, measure: RegExp): string | undefined {
  const named = text.take(QUOTED_COLUMN) ?? text.take(COLUMN_WORD);
  if (named) return named[1] ?? named[2] ?? named[3]?.replace(/^(?:里面?|中|的){1,2}(?=.)/u, '');
  const at = measure.exec(text.rest);
  if (!at) return undefined;
  const after = COLUMN_AFTER.exec(text.rest.slice(at.index + at[0].length))?.[1];
  const before = COLUMN_BEFORE.exec(text.rest.slice(0, at.index))?.[1]?.replace(/^.{0,40}(?:里|中|的)(?=.)/u, '');
  const column = [after, before].find((word) => word !== undefined && !NO_COLUMN.test(word));
  // Else all that is left: the device takes the one header that is among these words.
  const said = [column ?? subjectWords(text.rest.replace(measure, ' ').replace(COLUMN_NOISE, ' '))].flat();
  for (const word of said) text.take(wordPattern(word));
  return said.length === 0 || said.length > 3 ? undefined : said.join(' ');
}

function readOccurrences(text: Reading): Measured | undefined {
  for (const pattern of TIMES) {
    const match = text.take(pattern);
    if (match) return { measure: 'OCCURRENCES', most: 0, terms: [match[1]!.trim()] };
  }
  const many = /\bhow many\b|\bnumber of\b|\bcount\b|多少|几个/i;
  if (!text.has(many)) return undefined;
  const quoted = text.take(COUNTED_TEXT);
  const marker = quoted ?? text.take(MARKERS);
  if (!marker) return undefined;
  text.takeAll(/\bhow many\b|\bnumber of\b|\bcount\b|(?:一共|总共)?有?(?:多少|几)个?(?:处|条)?|\bcomments?\b|注释/i);
  return { measure: 'OCCURRENCES', most: 0, terms: [marker[1]!] };
}

function readPattern(text: Reading, named: boolean): Measured | undefined {
  for (const [measure, pattern] of PATTERNS) {
    if (!text.has(pattern) || !fits(measure, text, named)) continue;
    const top = ORDERED.has(measure) ? text.take(TOP) : undefined;
    const most = top ? numberIn(top.slice(1).find((each) => each !== undefined)!) : mostOf(measure, text);
    text.takeAll(pattern);
    if (measure === 'NEWEST' || measure === 'OLDEST') text.takeAll(CHANGE);
    if (measure === 'FOLDER_SIZES') text.takeAll(SPACE);
    if (measure !== 'COUNT') text.takeAll(NAMED_FILES);
    return { measure, most };
  }
  return undefined;
}

/** Whether the word is about files here, and not about what stands in them. */
function fits(measure: string, text: Reading, named: boolean): boolean {
  if (measure === 'WORDS' || measure === 'LINES') return named || FILES.test(text.rest);
  if (measure === 'COUNT') return counts(text.rest);
  if (measure === 'TOTAL_SIZE') return named || FILES.test(text.rest);
  if (measure === 'DUPLICATES') return named || (FILES.test(text.rest) && !/\bcop(?:y|ies) of\b/i.test(text.rest));
  if (measure === 'NEWEST' && COUNTED.test(text.rest) && counts(text.rest)) return false;
  if (measure === 'NEWEST') return (named && CHANGE.test(text.rest)) || FILES.test(text.rest);
  return FILES.test(text.rest);
}

/** "How many files mention people" counts files, "how many people are in notes.md" does not. */
function counts(text: string): boolean {
  const after =
    /\b(?:how many|number of|count(?: of)?)\s{1,4}((?:[^?.,;]|\.(?=\w)){1,80})/i.exec(text)?.[1] ??
    /(?:多少|几)(?:个|份|张|篇|封|首)?\s{0,4}([\p{L}\p{N}]{1,20})/u.exec(text)?.[1] ??
    '';
  const head = after.split(AFTER_COUNTED)[0]!.split(/\s+/).slice(0, 4).join(' ');
  return FILES.test(head) || (/数量|(?:多少|几)个/.test(text) && FILES.test(text));
}

const COUNTED = /\bhow many\b|\bnumber of\b|多少个|几个/i;

/** What is counted ends here. */
const AFTER_COUNTED =
  /\b(?:are|is|were|was|do|does|did|have|has|mention|mentions|contain|contains|say|says|about|in|on|of|under|with|can|may|must|should|there|that|which)\b/i;

function mostOf(measure: string, text: Reading): number {
  // The largest of all holds the others, so it alone would tell little.
  if (measure === 'FOLDER_SIZES') return 5;
  if (ORDERED.has(measure)) return PLURAL.test(text.rest) ? 5 : 1;
  return measure === 'DUPLICATES' || measure === 'BY_FOLDER' ? 10 : 0;
}
