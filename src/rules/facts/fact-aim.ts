// Understands a question that asks for a fact about files (how many, the largest, what changed last week, a sum): what the device is
// to compute, and the words that were not understood. Guesses nothing: a word that is left over is told.
import type { JsonValue } from '@bufbuild/protobuf';
import { trimEndSigns } from '../../base/trim-signs.ts';
import type { AnswerLanguage } from '../language.ts';
import { globFor } from '../name-glob.ts';
import type { Named } from '../names.ts';
import { subjectWords } from '../words.ts';
import { takeCalled } from './called.ts';
import { type Filters, readFilters, takeFolders } from './filters.ts';
import { type LeftAway, NOTHING_LEFT_AWAY } from './left-away.ts';
import { FILES, type Measured, readMeasure } from './measures.ts';
import { Reading, wordPattern } from './reading.ts';

/** One fact that is asked for. */
export interface AskedFact {
  readonly measure: string;
  /** The request of `fs.Query` as JSON. */
  readonly args: Readonly<Record<string, JsonValue>>;
  /** What it is about, as the question says it. */
  readonly about: string;
  /** Of the question's words, what nobody understood. */
  readonly missed: readonly string[];
  /** What it asks for where the folder that it may name is none: "in notes". */
  readonly otherwise?: AskedFact;
}

/** Facts of one question. */
const MOST_FACTS = 4;
const MOST_MISSED = 2;
/** Items of a list of names. */
const MOST_LISTED = 30;
/** Where one question ends and the next begins, in one sentence. */
const NEXT =
  /(?:[,;?，；？、]|\band\b|\balso\b|还有|以及|和|并且)(?= {0,4}(?:and |also )?(?:how many\b|how (?:big|large|often)\b|which (?:file|folder|is)\b|what(?:'s| is) the\b|the (?:largest|smallest|newest|oldest)\b|(?:一共|总共)?有?(?:多少|几)个|[\p{L}\p{N}]{1,12}?\s?(?:文件)?(?:一共|总共)?有?(?:多少|几)[个份张篇]|最(?:大|小|新|旧)的|哪个文件))/iu;

/** The facts that a question asks for; empty when it asks for something else. */
export function factsIn(
  text: string,
  named: Named,
  language: AnswerLanguage,
  leftAway = NOTHING_LEFT_AWAY,
): AskedFact[] {
  const marker = named.files.find((name) => name === 'TODO');
  if (marker !== undefined) {
    // A file of this name is meant only where nothing is counted.
    const files = named.files.filter((name) => name !== marker);
    return factsIn(text, { ...named, files, rest: text }, language, leftAway).filter(
      ({ measure }) => measure === 'OCCURRENCES',
    );
  }
  const parts = named.rest.split(NEXT).filter((part) => /[\p{L}\p{N}]/u.test(part));
  const facts = parts.slice(0, MOST_FACTS).map((part) => factIn(part, named, language, leftAway));
  if (facts.every((fact) => fact !== undefined)) return facts;
  // Only as a whole: half of a question is no question.
  const whole = parts.length > 1 ? factIn(named.rest, named, language, leftAway) : undefined;
  return whole && text !== '' ? [whole] : [];
}

/** A fact; a kind of files after "in" is a folder first, and the kind only where there is no such folder. */
function factIn(part: string, named: Named, language: AnswerLanguage, leftAway: LeftAway): AskedFact | undefined {
  const place = PLACE.exec(part);
  const name = place?.[1] ?? place?.[2];
  const others = named.folders.filter((folder) => folder !== name);
  const asked = { language, leftAway };
  const otherwise = factOf(part, { ...named, folders: others }, asked);
  if (!otherwise || !place || name === undefined || others.length > 0) return otherwise;
  const rest = `${part.slice(0, place.index)} ${part.slice(place.index + place[0].length)}`;
  const inside = factOf(rest, { ...named, folders: [name] }, asked, otherwise.measure === 'LIST');
  return inside ? { ...inside, otherwise } : otherwise;
}

const KIND =
  'pdfs?|images?|photos?|pictures?|drawings?|audio|music|songs?|recordings?|videos?|films?|movies?|code|source|scripts?|programs?|tables?|spreadsheets?|presentations?|slides?|e?mails?|archives?|logs?|documents?|docs?|notes?|text';
/** A word for a kind of files where a place is expected. */
const PLACE = new RegExp(
  `\\b(?:in|inside|under|within|(?:size|contents?) of)\\s{1,4}(?:the\\s{1,4}|my\\s{1,4})?(${KIND})(?=\\s{0,4}(?:[?.!,]|$|and\\b|mention|contain|about|changed|modified))|(?<![\\p{L}\\p{N}_.])(${KIND}|图片|照片|笔记|文档|代码|音乐|视频|日志|邮件)\\s{0,4}(?:里面?|中|下面?|内)(?!间)`,
  'iu',
);

function factOf(
  part: string,
  named: Named,
  { language, leftAway }: { readonly language: AnswerLanguage; readonly leftAway: LeftAway },
  lists = false,
): AskedFact | undefined {
  const text = new Reading(part);
  const table = named.files.some((name) => /\.(?:csv|tsv)$/i.test(name)) || /\bcsv\b/i.test(part);
  const isAboutFiles = FILES.test(part);
  const found = readMeasure(text, table, named.files.length > 0);
  const called = named.files[0] === undefined ? takeCalled(text) : undefined;
  const glob = named.files[0] === undefined ? (called?.glob ?? named.globs[0]) : globFor(named.files[0]);
  // A folder that is called like a kind of files is no kind.
  for (const folder of named.folders) text.take(wordPattern(folder));
  const filters = table && named.files.length > 0 ? NONE : readFilters(text);
  const filtered =
    filters.span !== '' ||
    filters.lastDays > 0 ||
    filters.minBytes > 0 ||
    filters.maxBytes > 0 ||
    filters.fromDay !== '' ||
    filters.beforeDay !== '' ||
    leftAway.said.length > 0 ||
    called !== undefined ||
    listsKind(filters, part);
  const measured =
    found ??
    (lists || (filtered && (isAboutFiles || filters.changed)) ? { measure: 'LIST', most: MOST_LISTED } : undefined);
  if (!measured) return undefined;
  if (measured.measure === 'BY_FOLDER' || measured.measure === 'FOLDER_SIZES') takeFolders(text);
  const folders = countsFolders(text, measured);
  const path = pathOf(text, named);
  const terms = measured.terms ?? termsOf(text);
  const missed = leftOver(text);
  // With so much that is not understood it is another question.
  if (missed.length > MOST_MISSED) return undefined;
  return {
    measure: measured.measure,
    about: [
      ...new Set([
        ...named.files,
        ...filters.words,
        called?.said ?? '',
        ...(measured.terms ? [] : terms),
        path,
        ...leftAway.said,
      ]),
    ]
      .filter(Boolean)
      .join(language === 'zh' ? '，' : ', '),
    missed,
    args: argsOf({
      measured,
      filters: folders ? { ...filters, classes: ['FOLDER'] } : filters,
      glob,
      name: called?.name ?? '',
      path,
      terms,
      language,
      leftAway,
    }),
  };
}

/** The files that are about some words, without what is left out. */
export function listFact(
  terms: readonly string[],
  { folders, globs, files }: Named,
  { language, leftAway }: { readonly language: AnswerLanguage; readonly leftAway: LeftAway },
): AskedFact {
  const path = folders[0] ?? '';
  const glob = files[0] === undefined ? globs[0] : globFor(files[0]);
  const measured = { measure: 'LIST', most: MOST_LISTED };
  return {
    measure: 'LIST',
    about: [...terms, path, ...leftAway.said].filter(Boolean).join(language === 'zh' ? '，' : ', '),
    missed: [],
    args: argsOf({ measured, filters: NONE, glob, name: '', path, terms, language, leftAway }),
  };
}

const NONE: Filters = {
  classes: [],
  glob: '',
  span: '',
  lastDays: 0,
  minBytes: 0,
  maxBytes: 0,
  fromDay: '',
  beforeDay: '',
  changed: false,
  words: [],
};

/** "List the PDF files", "哪些是图片": a kind alone makes a list. */
const listsKind = ({ classes, glob }: Filters, part: string): boolean =>
  (classes.some((name) => name !== 'TEXT' && name !== 'DOCUMENT') || glob !== '') &&
  /^\s*(?:please )?(?:list|show(?: me)?|which|what|name|are there|do i have)\b|列出|哪些|有没有/i.test(part) &&
  !/\b(?:mention|about|say|contain)/i.test(part) &&
  !/提到|关于|包含|说/.test(part);

function countsFolders(text: Reading, { measure }: Measured): boolean {
  if (measure !== 'COUNT' && measure !== 'LIST') return false;
  const areCounted =
    text.has(
      /\b(?:how many|number of|list|which)\s{1,4}(?:sub)?(?:folders|directories)|(?:多少|几)个?(?:文件夹|目录)/i,
    ) ||
    text.has(/^\s{0,4}(?:are\s)?\s{0,4}(?:sub)?(?:folders|directories)\b/i) ||
    text.has(/^\s{0,4}(?:文件夹|目录)/);
  return areCounted && takeFolders(text);
}

interface Parts {
  readonly measured: Measured;
  readonly filters: Filters;
  readonly glob: string | undefined;
  /** What their own names hold. */
  readonly name: string;
  readonly path: string;
  readonly terms: readonly string[];
  readonly language: AnswerLanguage;
  readonly leftAway: LeftAway;
}

function argsOf({ measured, filters, glob, name, path, terms, language, leftAway }: Parts): Record<string, JsonValue> {
  const { measure, most, column } = measured;
  const copies = measure === 'DUPLICATES' && glob !== undefined;
  const pattern = copies ? '' : (glob ?? filters.glob);
  return {
    measure: `MEASURE_${measure}`,
    ...(path === '' ? {} : { path }),
    ...(pattern === '' ? {} : { glob: pattern }),
    ...(name === '' ? {} : { name }),
    ...(filters.classes.length === 0 ? {} : { classes: filters.classes.map((name) => `FILE_CLASS_${name}`) }),
    ...(filters.span === '' ? {} : { span: `TIME_SPAN_${filters.span}` }),
    ...(filters.lastDays === 0 ? {} : { lastDays: filters.lastDays }),
    ...(filters.minBytes === 0 ? {} : { minBytes: String(filters.minBytes) }),
    ...(filters.maxBytes === 0 ? {} : { maxBytes: String(filters.maxBytes) }),
    ...(filters.fromDay === '' ? {} : { fromDay: filters.fromDay }),
    ...(filters.beforeDay === '' ? {} : { beforeDay: filters.beforeDay }),
    ...(copies ? { copiesOf: glob } : {}),
    ...(leftAway.classes.length === 0 ? {} : { exceptClasses: leftAway.classes.map((name) => `FILE_CLASS_${name}`) }),
    ...(leftAway.globs.length === 0 ? {} : { exceptGlobs: [...leftAway.globs] }),
    ...(leftAway.terms.length === 0 ? {} : { withoutTerms: [...leftAway.terms] }),
    ...(terms.length === 0 ? {} : { terms: [...terms] }),
    ...(column === undefined ? {} : { column }),
    ...(most === 0 ? {} : { most }),
    language,
  };
}

const FOLDER_IN =
  /\b(?:in|inside|under|within|of)\s{1,4}(?:the\s{1,4}|my\s{1,4})?(?:(?:folder|directory)\s{1,4}(?:called\s{1,4})?)?([\p{L}\p{N}_][\p{L}\p{N}_./-]{0,100})(?:\s{1,4}(?:folder|directory))?(?=\s*(?:[?.!,]|$|mention|contain|about))|([\p{L}\p{N}_./-]{1,100}?)\s{0,4}(?:文件夹|目录)?\s{0,4}(?:里面?|中|下面?|内)(?=\s|的|有|一共|总共|最|$|[，,？?])/iu;
const NO_FOLDER =
  /^(?:in|of|under|within|inside|all|there|here|total|it|them|this|that|which|folder|my|the|files?|box|computer|machine|device|everything|content|size|其|它|这|那|这里|那里|文件夹|目录|电脑|机器|盒子|所有|文件|全部)$/i;

function pathOf(text: Reading, named: Named): string {
  const [folder] = named.folders;
  if (folder !== undefined) {
    text.take(wordPattern(folder));
    return folder;
  }
  const match = FOLDER_IN.exec(text.rest);
  const name = match?.[1] ?? match?.[2] ?? '';
  if (!match || name === '' || NO_FOLDER.test(name)) {
    text.takeAll(
      /\b(?:in|on|of) (?:total|all|this (?:folder|box|computer|machine)|my (?:folder|box|computer|machine|files))\b|(?:这里|电脑上?|机器上?|盒子)?(?:里面?|中|上)/i,
    );
    return '';
  }
  text.take(FOLDER_IN);
  return trimEndSigns(name, '/');
}

export const MENTION =
  /\b(?:that |which |who )?(?:mention(?:s|ing)?|contain(?:s|ing)?|about|say(?:s|ing)?|with(?: the)?(?: word)?|talk(?:s)? about)\s{1,4}(?:the |a |an |word )*["“'`]?([^"”'`?？]{1,80})["”'`]?|(?:提到|提及|包含|含有|关于|写到|说到|讲到|(?<!次)出现)(?:了|过)?\s{0,4}["“「]?([^"”」？?的]{1,40})["”」]?(?:的)?/i;

/** "In how many files does the word X occur?" */
const STANDS_IN =
  /\b(?:is|are|does|do|was|were)\s{1,4}(?:the )?(?:words?|names?|terms?|phrase)?\s{0,4}["“'`]?([^"”'`?？]{1,80}?)["”'`]?\s{1,4}(?:occur|appear|mentioned|found|used|written|come up|stand|show up)(?!\w)/i;

/** What follows the words that a file is about: "about Heron are there". */
const AFTER_TERM =
  /\s{1,4}(?:(?:are|is|were|do|does|did|have|can|could|exist)\b|(?:there|in total|altogether|please|right now)\s{0,4}$).{0,80}$|\s{0,4}(?:这个?|一)?词.{0,40}$|\s{0,4}(?:一共|总共)?(?:有哪|有多少|有几|在哪|是哪|都有|分别).{0,40}$/i;

/** "How many notes mention the harbour": files are meant whose text has it. */
function termsOf(text: Reading): string[] {
  const match = text.take(STANDS_IN) ?? text.take(MENTION);
  const said = (match?.[1] ?? match?.[2] ?? '').trim();
  const term = trimEndSigns(said.replace(AFTER_TERM, ''), '.!。！').trim();
  return term === '' ? [] : [term];
}

/** What is to be done with the files, beside telling the fact. */
const DEED =
  /\b(?:summari[sz]e|sum up|outline|read|quote|compare|translate|explain|delete|remove|move|rename|copy|sort(?:ed)?|order(?:ed)?)\b|总结|概括|归纳|翻译|解释|删除|移动|改名|复制|比较|排序/i;
const NOISE =
  /哪些|哪个|\b(?:files?|are there|do i have|have i|there|here|in total|altogether|exist|together|all|any|every|how|many|much|big|large|old|most|is|my|own|anything|everything|currently|now|please|thanks|box|computer|folder|called|named|name|names|biggest|size|file|count|number|changed?|modified|edited|updated|tell|know|different)\b|文件|一共|总共|请问|请|所有|全部|现在|目前|我|有|是|的|了|个|哪|吗|呢|什么|多少|几|列出|告诉|给|一下|里面|这里|名字|叫|都|被|份|张|最多|最/gi;

/** Words that carry something and were not understood, in the order of the question. */
function leftOver(text: Reading): string[] {
  const deed = text.take(DEED)?.[0];
  const words = [...(deed === undefined ? [] : [deed])];
  words.push(...subjectWords(text.rest.replace(NOISE, ' ')).filter((word) => /[\p{L}\p{N}]/u.test(word)));
  return words;
}
