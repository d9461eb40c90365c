// Composes the answer of a turn from what its tools found: quotes with their places, never a word that stands nowhere.

import { create, equals } from '@bufbuild/protobuf';
import { FileKind } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { type Source, SourceSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { asWritten } from '../base/any-case.ts';
import { trimEndSigns } from '../base/trim-signs.ts';
import { addWithheld } from './add-withheld.ts';
import type { Aim } from './aim.ts';
import type { AnswerDraft } from './answer-draft.ts';
import { commandAnswer } from './command-answer.ts';
import type { CutFiles, Located } from './cut-files.ts';
import { aboutFile } from './describe-file.ts';
import { type Evidence, REFUSALS, type ReadFile } from './evidence.ts';
import { excerpt } from './excerpt.ts';
import { addFacts, markIn } from './facts/fact-answer.ts';
import { type AnswerLanguage, hasChinese } from './language.ts';
import { isPartial, lookedText } from './looked.ts';
import { phrasesIn } from './phrases.ts';
import { mentions } from './plan.ts';
import { alike, central, type Ranked, rank } from './rank.ts';
import { isReadable, readableText } from './readable.ts';
import type { Transcript } from './transcript.ts';
import { measuredIn, tokens } from './words.ts';

export interface Answer {
  readonly text: string;
  readonly sources: readonly Source[];
  /** From 0 to 1, by rule: how much of the question's weight the best quote holds. */
  readonly confidence: number;
}

/** Quotes in one answer, and files in one list. */
const MOST_QUOTES = 5;
const MOST_FILES = 60;
/** Of what a search for words found, which is best first; and of what a name was looked for. */
const MOST_HITS = 8;
const MOST_NAMED = 30;
/** Characters of a file that is shown as a whole. */
const MOST_SHOWN = 6000;
/** Characters of one quote. */
const MOST_QUOTE = 600;

/** The answer, with the line that says who gives it at its end. */
export function compose(aim: Aim, transcript: Transcript, evidence: Evidence, cut: CutFiles): Answer {
  const phrases = phrasesIn(aim.language);
  const draft: AnswerDraft = { lines: [], sources: [], confidence: 0.2 };
  if (aim.question.trim() === '') draft.lines.push(phrases.noQuestion, phrases.help);
  else if (aim.kind === 'greet') draft.lines.push(phrases.help);
  else if (aim.kind === 'aside') draft.lines.push(phrases.aside, phrases.help);
  else if (aim.kind === 'deed') draft.lines.push(phrases.noDeed, phrases.help);
  else if (aim.kind === 'negation') draft.lines.push(phrases.noNegation(aim.excluded));
  else if (aim.kind === 'run') commandAnswer(draft, aim, transcript, evidence);
  else if (aim.kind === 'facts') addFacts(draft, aim, transcript);
  else if (aim.kind === 'list') listing(draft, aim, transcript, evidence);
  else if (aim.kind === 'find' && (evidence.matches.length > 0 || evidence.passages.length === 0)) {
    matches(draft, aim, evidence);
  } else reading(draft, aim, evidence, cut);
  if (aim.excluded.length > 0 && aim.kind !== 'negation') draft.lines.push('', phrases.notUnderstood(aim.excluded));
  for (const step of TELLS_ITSELF.has(aim.kind) ? [] : failuresToTell(evidence)) {
    const what = String(step.args.path ?? asWritten(String(step.args.glob ?? '')));
    draft.lines.push(
      phrases.failed(step.tool, what, `${step.error!.reason}${step.error!.message ? `: ${step.error!.message}` : ''}`),
    );
  }
  const body = draft.lines.join('\n').trim() || phrases.help;
  return { text: body, sources: draft.sources, confidence: draft.confidence };
}

/** Kinds of questions whose answer tells of failures. */
const TELLS_ITSELF: ReadonlySet<string> = new Set(['run', 'facts']);

/** What was meant to be read and could not be is told, whatever else was found. */
const TELL_ALWAYS: ReadonlySet<string> = new Set(['fs_read', 'retrieval_search']);

/** Failures matter where nothing came in their stead. */
function failuresToTell(evidence: Evidence): Evidence['failed'] {
  const found = [evidence.reads, evidence.matches, evidence.passages].some((each) => each.length > 0);
  // That words were not searched for is said in words of its own.
  const failed = evidence.failed.filter(({ error }) => !REFUSALS.has(error!.reason));
  return found ? failed.filter(({ tool }) => TELL_ALWAYS.has(tool)) : failed;
}

function reading(draft: AnswerDraft, aim: Aim, evidence: Evidence, cut: CutFiles): void {
  const open = [...evidence.reads.filter((file) => file.text !== undefined), ...passagesFor(aim, evidence)];
  const held = new Set(evidence.passages.map(({ path }) => path));
  const closed = evidence.reads.filter((file) => file.text === undefined && !held.has(file.path));
  const phrases = phrasesIn(aim.language);
  let told = open.length > 0;
  if (open.length > 0) {
    if (aim.kind === 'read' && open.some((file) => !file.found)) show(draft, aim, evidence.reads);
    else if (aim.kind === 'summarise' || aim.subject.length === 0) summaries(draft, aim, open, cut);
    else told = quotes(draft, aim, open, cut);
    if (!told && closed.length === 0) nothingIn(draft, aim, open);
    for (const file of open.filter((f) => f.truncated)) draft.lines.push(phrases.cut(file.path));
  }
  if (closed.length > 0) addWithheld(draft, aim, closed, told);
  if (evidence.reads.length > 0 || open.length > 0) return;
  absent(draft, aim, evidence);
}

/** A summary of something named is of that alone, whatever else was found. */
function passagesFor(aim: Aim, { passages }: Evidence): readonly ReadFile[] {
  const named = [aim.files, aim.subject, aim.folders].some((each) => each.length > 0);
  if (aim.kind !== 'summarise' || !named) return passages;
  return passages.filter(({ path }) => mentions(aim.question, path, true));
}

/** Says that there is nothing, as far as was looked. */
function absent(draft: AnswerDraft, aim: Aim, evidence: Evidence): void {
  const phrases = phrasesIn(aim.language);
  const { looked } = evidence;
  const subject = aim.subject.join(' ') || aim.folders.join(', ') || aim.question;
  if (evidence.refused) draft.lines.push(phrases.notSearched(subject));
  else if (isPartial(looked)) draft.lines.push(phrases.notSeen(aim.files.join(', ') || subject));
  else if (aim.files.length > 0) draft.lines.push(phrases.noFile(aim.files.join(', ')));
  else draft.lines.push(phrases.nothingFound(subject));
  const line = lookedText(looked, aim.language);
  if (line !== '') draft.lines.push(line);
  const files = evidence.listed.filter(({ kind }) => kind === FileKind.FILE);
  if (files.length === 0 || files.length > FEW_FILES || evidence.listedMore) return;
  draft.lines.push('', phrases.otherFiles);
  fileList(draft, aim, evidence, FEW_FILES);
}

/** So few that all of them are told where nothing was found. */
const FEW_FILES = 12;

function nothingIn(draft: AnswerDraft, aim: Aim, files: readonly ReadFile[]): void {
  const paths = [...new Set(files.map(({ path }) => path))].join(', ');
  const phrases = phrasesIn(aim.language);
  const subject = aim.subject.join(' ');
  const told = otherScript(subject, files) ? phrases.otherScript : phrases.nothingSaid;
  draft.lines.push(told(subject, paths));
  draft.confidence = 0.1;
}

/** Whether the subject is written in Chinese and the files are not, or the other way round: words alone cannot meet then. */
function otherScript(subject: string, files: readonly ReadFile[]): boolean {
  const text = files.map((file) => file.text ?? '').join('\n');
  const hasLatin = (words: string) => /\p{Script=Latin}{2}/u.test(words);
  const isChinese = hasChinese(subject) && !hasLatin(subject);
  const isLatin = hasLatin(subject) && !hasChinese(subject);
  return (isChinese && !hasChinese(text)) || (isLatin && hasChinese(text) && !hasLatin(text));
}

/** Whether there was a line to quote. */
function quotes(draft: AnswerDraft, aim: Aim, files: readonly ReadFile[], cut: CutFiles): boolean {
  const phrases = phrasesIn(aim.language);
  const units = distinct(files.flatMap((file) => cut.get(file) ?? [])).filter(
    (unit) => isReadable(unit.text) && !repeats(unit.words, aim.question),
  );
  const subject = aim.subject.join(' ');
  const exact = rank(units, subject, aim.question).filter(isAbout(aim));
  const found = exact.length > 0 ? exact : alike(units, subject);
  const best = found[0];
  if (!best) return false;
  const chosen = choose(found, units);
  const direct = best.coverage >= 0.5 && !NEGATED.test(aim.question) && holdsWords(aim, chosen);
  if (!direct) draft.lines.push(phrases.closest);
  for (const { unit } of chosen) quote(draft, unit, aim);
  draft.confidence = Math.min(direct ? 0.9 : 0.4, Math.max(0.1, best.coverage * 0.9));
  return true;
}

/** A question that asks for what is not: a quote that has its words may say the opposite. */
const NEGATED = /\bnot\b|n['’]t\b|\bnever\b|\bwithout\b|(?<!有)没有?(?!有)|(?<!是)不是|未(?!来)|尚未/i;

/** Whether a line has, in it or above it, more of the subject than what is measured. */
function isAbout({ question, subject }: Aim): (ranked: Ranked) => boolean {
  const measured = measuredIn(question);
  const named = subject.filter((word) => word.toLowerCase() !== measured).flatMap(tokens);
  if (measured === undefined || named.length === 0) return () => true;
  return ({ unit }) => !unit.words.includes(measured) || named.some((token) => wordsAround(unit).has(token));
}

/** Words of a line, of the headings above it and of its file's name. */
const wordsAround = ({ words, headings, path }: Located): ReadonlySet<string> =>
  new Set([...words, ...tokens([...headings, path.replace(/[/_.-]/g, ' ')].join('\n'))]);

/** Whether more than half of the words of the subject stand in what is quoted, above it or in its file's name. */
function holdsWords(aim: Aim, chosen: readonly Ranked[]): boolean {
  const held = new Set(chosen.flatMap(({ unit }) => [...wordsAround(unit)]));
  const told = aim.subject.filter((word) => tokens(word).some((token) => held.has(token)));
  return told.length * 2 > aim.subject.length;
}

/** Whether a unit says the question itself again, as an example of it does: it answers nothing. */
function repeats(words: readonly string[], question: string): boolean {
  const asked = tokens(question);
  return asked.length >= 4 && ` ${words.join(' ')} `.includes(` ${asked.join(' ')} `);
}

/** Passages of one document may overlap, and hold what was read from the file itself: what stands twice is one unit. */
function distinct(units: readonly Located[]): Located[] {
  const known = new Set<string>();
  const read = new Set(units.filter(({ found }) => !found).map(textKey));
  return units.filter((unit) => {
    if (!unit.found) return true;
    if (read.has(textKey(unit))) return false;
    const key = JSON.stringify([unit.found.collection, unit.path, unit.found.page, unit.startLine, unit.text]);
    return !known.has(key) && known.add(key);
  });
}

const textKey = ({ path, text }: Located): string => `${path}\0${text}`;

/** The best units, as long as they are not much worse than the first; what a bare heading leads to stands for it. */
function choose(found: readonly Ranked[], units: readonly Located[]): Ranked[] {
  const top = found[0]!.score;
  const good = found.filter((ranked, index) => index === 0 || ranked.score >= top * 0.55).slice(0, MOST_QUOTES);
  const chosen = good.length > 0 && good[0]!.coverage >= 0.95 ? good.slice(0, 3) : good;
  const [only] = chosen;
  if (chosen.every(({ unit }) => unit.kind === 'heading') && only) {
    const at = units.indexOf(only.unit);
    const below = units
      .slice(at + 1, at + 4)
      .filter((unit) => unit.path === only.unit.path && unit.headings.includes(only.unit.text));
    return [...chosen, ...below.map((unit) => ({ ...only, unit }))];
  }
  return chosen;
}

function quote(draft: AnswerDraft, unit: Located, { language, subject }: Aim): void {
  const shown = unit.kind === 'code' ? unit.text : readableText(unit.text);
  const text = excerpt(shown, new Set(tokens(subject.join(' '))), MOST_QUOTE);
  draft.lines.push(`- “${text}” (${placeOf(unit, language)})`);
  const { collection = '', lines = true } = unit.found ?? {};
  source(draft, unit.path, lines ? unit.startLine : 0, lines ? unit.endLine : 0, collection, unit.page);
}

function placeOf({ path, startLine, endLine, found, page }: Located, language: AnswerLanguage): string {
  if (page > 0) return `${path}, ${phrasesIn(language).page(page)}`;
  if (found?.lines === false) return path;
  return `${path}:${startLine}${endLine > startLine ? `-${endLine}` : ''}`;
}

function source(draft: AnswerDraft, path: string, startLine: number, endLine: number, collection = '', page = 0): void {
  const one = create(SourceSchema, { path, startLine, endLine, collection, page });
  if (draft.sources.length < 256 && !draft.sources.some((each) => equals(SourceSchema, each, one)))
    draft.sources.push(one);
}

function show(draft: AnswerDraft, aim: Aim, files: readonly ReadFile[]): void {
  const phrases = phrasesIn(aim.language);
  for (const file of files.filter((each) => each.text !== undefined)) {
    const text = trimEndSigns(file.text ?? '', '\n');
    if (text === '') draft.lines.push(phrases.empty(file.path));
    else {
      const shown =
        text.length > MOST_SHOWN
          ? text.slice(0, text.lastIndexOf('\n', MOST_SHOWN) + 1 || MOST_SHOWN).toWellFormed()
          : text;
      draft.lines.push(phrases.contentFrom(file.path), '', shown.trimEnd(), '');
      if (shown.length < text.length) draft.lines.push(phrases.cut(file.path));
      source(draft, file.path, file.firstLine, file.firstLine + shown.trimEnd().split('\n').length - 1);
    }
  }
  draft.confidence = 0.9;
}

function summaries(draft: AnswerDraft, aim: Aim, files: readonly ReadFile[], cut: CutFiles): void {
  const phrases = phrasesIn(aim.language);
  const byPath = Map.groupBy(files, ({ path }) => path);
  const each = byPath.size === 1 ? 5 : byPath.size <= 3 ? 3 : 2;
  for (const [path, parts] of byPath) {
    const units = distinct(parts.flatMap((part) => cut.get(part) ?? [])).filter(({ text }) => isReadable(text));
    const chosen = central(units, each);
    const shown = chosen.length > 0 ? chosen : units.slice(0, each);
    if (shown.length === 0) draft.lines.push(phrases.empty(path));
    else {
      draft.lines.push(phrases.summaryOf(path));
      for (const unit of shown) quote(draft, unit, aim);
    }
  }
  draft.confidence = 0.5;
}

function matches(draft: AnswerDraft, aim: Aim, evidence: Evidence): void {
  const phrases = phrasesIn(aim.language);
  const subject = [...aim.subject, ...aim.files, ...aim.globs].join(' ') || aim.question;
  if (evidence.matches.length === 0) {
    if (evidence.listed.length === 0) absent(draft, aim, evidence);
    else fileList(draft, aim, evidence, MOST_FILES);
    return;
  }
  draft.lines.push(phrases.foundFor(subject));
  const shown = evidence.matches.slice(0, aim.subject.length > 0 ? MOST_HITS : MOST_NAMED);
  for (const match of shown) {
    const path = match.file?.path ?? '';
    if (match.text !== '') {
      draft.lines.push(`- “${match.text.trim()}” (${path}:${match.line})`);
      source(draft, path, match.line, match.line);
    } else {
      draft.lines.push(
        `- ${path} (${[aboutFile(match.file, aim.language), ...(aim.subject.length > 0 ? [phrases.nameOnly] : [])].filter(Boolean).join(', ')})`,
      );
      source(draft, path, 0, 0);
    }
  }
  if (evidence.matches.length > shown.length) draft.lines.push(phrases.more(evidence.matches.length - shown.length));
  if (isPartial(evidence.looked)) draft.lines.push(lookedText(evidence.looked, aim.language));
  draft.confidence = 0.7;
}

function listing(draft: AnswerDraft, aim: Aim, transcript: Transcript, evidence: Evidence): void {
  const phrases = phrasesIn(aim.language);
  const missed = aim.subject.filter((word) => !LIST_WORD.test(word));
  if (transcript.steps.length === 0 && !transcript.tools.has('fs_list')) draft.lines.push(phrases.noTool('fs_list'));
  else if (evidence.listed.length === 0) {
    if (evidence.failed.length === 0) draft.lines.push(phrases.noFiles);
  } else {
    const mark = markIn(transcript.steps.find(({ tool, error }) => tool === 'fs_query' && !error));
    draft.lines.push(mark === undefined ? phrases.filesAre : phrases.filesCounted(mark));
    fileList(draft, aim, evidence, MOST_FILES);
    draft.confidence = missed.length > 0 ? 0.5 : 0.9;
  }
  if (missed.length > 0) draft.lines.push('', phrases.notUnderstood(missed));
}

/** What a list is of anyhow. */
const LIST_WORD =
  /^(?:files?|folders?|director(?:y|ies)|papers?|texts?|everything|available|exist\w*|recursive(?:ly)?|tree|root|names?|currently|shared|visible|local|present|here|文件|笔记|文档|资料|文稿|列表|所有|全部|目录|现有|这里|递归|可用|名字|名称)+$/i;

/** Files are asked for, and folders are none. */
const FILES_ONLY =
  /^(?!.*(?:folders?|director(?:y|ies)|文件夹|目录)).*(?:\b(?:files|documents|docs|notes)\b|文件|文档|笔记)/isu;

function fileList(draft: AnswerDraft, aim: Aim, evidence: Evidence, most: number): void {
  const phrases = phrasesIn(aim.language);
  const shown = evidence.listed.filter(({ kind }) => kind !== FileKind.FOLDER || !FILES_ONLY.test(aim.question));
  const unique = [...new Map(shown.map((info) => [info.path, info])).values()];
  for (const info of unique.slice(0, most)) {
    const about = info.kind === FileKind.FOLDER ? phrases.folder : aboutFile(info, aim.language);
    draft.lines.push(`- ${info.path}${about ? ` (${about})` : ''}`);
  }
  if (unique.length > most && !evidence.listedMore) draft.lines.push(phrases.more(unique.length - most));
  else if (evidence.listedMore) draft.lines.push(phrases.moreUnknown);
}
