// Decides the next tool calls of a turn, or that it is time to answer. Pure: the same transcript gives the same calls.
import type { JsonValue } from '@bufbuild/protobuf';
import { type FileInfo, FileKind } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { anyCase } from '../base/any-case.ts';
import type { Aim } from './aim.ts';
import type { Evidence } from './evidence.ts';
import { factCalls } from './facts/fact-calls.ts';
import { hasChinese } from './language.ts';
import { globFor } from './name-glob.ts';
import { baseName } from './names.ts';
import { callKey, type PlannedCall } from './planned-call.ts';
import type { SharedPath, Transcript } from './transcript.ts';
import { measuredIn, searchTerms, tokens, wordsIn } from './words.ts';

/** Files read for one question. */
const MOST_READS = 6;
/** After this many rounds of tools it answers with what it has. */
const MOST_ROUNDS = 5;

/** The next calls; empty means: answer now. */
export function nextCalls(aim: Aim, transcript: Transcript, evidence: Evidence): PlannedCall[] {
  if (transcript.rounds >= MOST_ROUNDS || passagesAnswer(aim, transcript, evidence)) return [];
  const asked = new Set(transcript.steps.map(callKey));
  const wanted = wantedCalls(aim, transcript, evidence);
  return wanted.filter((call) => transcript.tools.has(call.tool) && !asked.has(callKey(call))).slice(0, MOST_READS);
}

/** Whether passages that were found before make looking at the device needless: no file is meant, and they hold the subject. */
function passagesAnswer(aim: Aim, transcript: Transcript, { passages }: Evidence): boolean {
  if (passages.length === 0 || !SATISFIED.has(aim.kind)) return false;
  const documents = passages.map(({ path }) => path);
  const meant = aim.files.filter((name) => !documents.some((path) => isCalled(path, name)));
  if (meant.length > 0 || transcript.shared.length > 0 || aim.folders.length > 0) return false;
  // A summary is of what is named, not of whatever mentions it.
  const isNamed = aim.subject.length > 0 && aim.kind === 'summarise';
  if (isNamed && !documents.some((path) => mentions(aim.question, path, true))) return false;
  return holdsHalf(
    aim,
    passages.map(({ text, found }) => [...(found?.headings ?? []), text].join(' ')),
  );
}

/** Whether texts hold at least half of the subject. */
function holdsHalf(aim: Aim, texts: readonly string[]): boolean {
  const wanted = new Set(tokens(aim.subject.join(' ')));
  const held = new Set(texts.flatMap((text) => wordsIn(text)));
  return [...wanted].filter((token) => held.has(token)).length * 2 >= wanted.size;
}

/** Kinds of questions that passages can answer. */
const SATISFIED: ReadonlySet<string> = new Set(['ask', 'find', 'summarise']);

function wantedCalls(aim: Aim, transcript: Transcript, evidence: Evidence): PlannedCall[] {
  switch (aim.kind) {
    case 'greet':
    case 'aside':
    case 'negation':
    case 'deed':
      return [];
    case 'run':
      return [{ tool: 'shell_run', args: { argv: [...aim.argv] } }];
    case 'facts':
      return aim.facts.flatMap((fact) => factCalls(fact, transcript.steps));
    case 'list':
      return listCalls(aim, transcript);
    case 'find':
      return findCalls(aim);
    default:
      return readCalls(aim, transcript, evidence);
  }
}

/** A page of the files, and how many there are in all, which the device counts. */
function listCalls(aim: Aim, transcript: Transcript): PlannedCall[] {
  return [...pages(aim, transcript), { tool: 'fs_query', args: countArgs(aim) }];
}

function pages(aim: Aim, transcript: Transcript): PlannedCall[] {
  const recursive = /\b(?:all|every|recursive(?:ly)?|tree|everything)\b|所有|全部|递归/i.test(aim.question);
  const glob = aim.globs[0] === undefined ? {} : { glob: aim.globs[0] };
  const here = aim.folders.map((path) => list(path, recursive, glob));
  const failed = transcript.steps.some((step) => step.tool === 'fs_list' && step.error);
  return here.length > 0 && !failed ? here : [...here, list('', recursive || here.length === 0, glob)];
}

/** The request that counts what a list lists. */
const countArgs = (aim: Aim): PlannedCall['args'] => ({
  measure: 'MEASURE_COUNT',
  ...(aim.folders[0] === undefined ? {} : { path: aim.folders[0] }),
  ...(aim.globs[0] === undefined ? {} : { glob: aim.globs[0] }),
  language: aim.language,
});

const list = (path: string, recursive: boolean, glob: Record<string, string> = {}): PlannedCall => ({
  tool: 'fs_list',
  args: { ...(path ? { path } : {}), ...(recursive ? { recursive } : {}), ...glob },
});

function findCalls(aim: Aim): PlannedCall[] {
  const path = aim.folders[0] === undefined ? {} : { path: aim.folders[0] };
  const spaced = aim.files.filter((name) => endsNameWithSpaces(name, aim));
  if (spaced.length > 0)
    return spaced.flatMap((name) => [globFor(name), `* ${anyCase(name)}`]).map((glob) => search({ ...path, glob }));
  const globs = [...aim.globs, ...aim.files.map((name) => globFor(baseName(name)))];
  if (globs.length > 0 && aim.subject.length === 0) return globs.map((glob) => search({ ...path, glob }));
  const terms = termsOf(aim);
  if (terms.length === 0) return [list(aim.folders[0] ?? '', true)];
  return [search({ ...path, terms, ...(globs[0] === undefined ? {} : { glob: globs[0] }) })];
}

/** Whether a word right before a file's name may belong to it: "where is lisbon 2026.md". */
function endsNameWithSpaces(name: string, { question, subject }: Aim): boolean {
  const before = question.slice(0, Math.max(0, question.indexOf(name)));
  return !name.includes('/') && subject.some((word) => before.endsWith(` ${word} `));
}

const search = (args: Record<string, JsonValue>): PlannedCall => ({ tool: 'fs_search', args });

function termsOf({ subject, question }: Aim): string[] {
  const measured = measuredIn(question);
  const named = subject.filter((word) => word.toLowerCase() !== measured);
  return searchTerms((named.length > 0 ? named : subject).join(' '));
}

/** ask, read, summarise: find the files, read them. */
function readCalls(aim: Aim, transcript: Transcript, evidence: Evidence): PlannedCall[] {
  const targets = targetsOf(aim, transcript, evidence);
  if ('calls' in targets) return targets.calls;
  // What a collection holds of a file is there already; the file itself could be read only where it is shared.
  const open = new Set(transcript.shared.map(({ path }) => path));
  const held = new Set(evidence.passages.flatMap(({ path }) => (open.has(path) ? [] : [path])));
  const paths = targets.paths.filter((path) => !held.has(path));
  return paths.slice(0, MOST_READS).map((path) => read(path, aim, transcript.shared));
}

function read(path: string, aim: Aim, shared: readonly SharedPath[]): PlannedCall {
  const lines = aim.lines ?? shared.find((file) => file.path === path)?.lines;
  return { tool: 'fs_read', args: { path, ...(lines ? { startLine: lines.start, endLine: lines.end } : {}) } };
}

type Targets = { readonly paths: readonly string[] } | { readonly calls: PlannedCall[] };

function targetsOf(aim: Aim, transcript: Transcript, evidence: Evidence): Targets {
  const { shared, earlierFiles } = transcript;
  const loosely = aim.kind !== 'ask';
  const mentioned = shared.filter((file) => mentions(aim.question, file.path, loosely)).map((file) => file.path);
  const back = aim.refersBack || (aim.subject.length === 0 && aim.folders.length === 0);
  const named = aim.files.length > 0 ? aim.files : mentioned.length === 0 && back ? earlierFiles : [];
  if (named.length > 0) return namedTargets(named, aim, transcript, evidence);
  if (mentioned.length > 0) return { paths: mentioned };
  if (aim.kind === 'summarise' && aim.subject.length > 0 && aim.folders.length === 0 && shared.length === 0)
    return searchTargets(aim, transcript, evidence);
  if (aim.kind === 'summarise' || aim.folders.length > 0) return folderTargets(aim, transcript, evidence);
  if (shared.length > 0 && shared.length <= MOST_READS) return sharedTargets(aim, transcript, evidence);
  return searchTargets(aim, transcript, evidence);
}

/** What is shared is read first; where it does not answer, the other files are searched, so that they can be offered. */
function sharedTargets(aim: Aim, transcript: Transcript, evidence: Evidence): Targets {
  const paths = ranked(
    transcript.shared.map((file) => file.path),
    aim,
  );
  const isRead = transcript.steps.some(({ tool }) => tool === 'fs_read');
  const texts = evidence.reads.flatMap(({ path, text }) => (text === undefined ? [] : [`${baseName(path)}\n${text}`]));
  if (aim.subject.length === 0 || !isRead || holdsHalf(aim, texts)) return { paths };
  const others = searchTargets(aim, transcript, evidence);
  return 'calls' in others ? others : { paths: [...paths, ...others.paths.filter((path) => !paths.includes(path))] };
}

/** Whether a question holds the name of a file; `loosely`: its ending may be missing. */
export function mentions(question: string, path: string, loosely: boolean): boolean {
  const base = baseName(path).toLowerCase();
  const text = question.toLowerCase();
  if (text.includes(base)) return true;
  if (!loosely) return false;
  const bare = base.replace(/\.[^.]+$/, '');
  if (bare.length < 4 && !hasChinese(bare)) return false;
  if (hasChinese(bare)) return bare.length >= 2 && text.includes(bare);
  return new RegExp(`(?<![\\w-])${bare.replace(/[^\w]/g, '\\$&')}(?![\\w-])`).test(text);
}

function namedTargets(named: readonly string[], aim: Aim, transcript: Transcript, evidence: Evidence): Targets {
  const known = [
    ...transcript.shared.map((f) => f.path),
    ...evidence.matches.map((m) => m.file?.path ?? ''),
    ...filesOf(evidence.listed),
  ];
  const paths: string[] = [];
  const unknown: string[] = [];
  for (const name of named) {
    const found = known.filter((path) => path !== '' && isCalled(path, name));
    const best = [...new Set(found)].sort((a, b) => a.length - b.length);
    if (best.length > 0) paths.push(...best.slice(0, 3));
    else if (name.includes('/')) paths.push(name);
    else unknown.push(name);
  }
  if (unknown.length > 0) {
    const searched = transcript.steps.filter((step) => step.tool === 'fs_search').length;
    const calls = unknown.map((name) => search({ glob: globFor(baseName(name)) }));
    if (searched === 0) return { calls: [...paths.map((path) => read(path, aim, transcript.shared)), ...calls] };
    const listed = transcript.steps.some((step) => step.tool === 'fs_list');
    if (!listed && paths.length === 0) return { calls: [list('', true)] };
    const inQuestion = filesOf(evidence.listed).filter((path) => mentions(aim.question, path, true));
    paths.push(...inQuestion);
  }
  if (paths.length > 0) return { paths: [...new Set(paths)] };
  // Nothing is called like that: perhaps it was no file name at all.
  return aim.subject.length > 0 ? searchTargets(aim, transcript, evidence) : { paths: [] };
}

/** Whether a path is meant by a name: the same, or ending with it. Names without an ending match any ending. */
function isCalled(path: string, name: string): boolean {
  const whole = path.toLowerCase();
  const wanted = name.toLowerCase().replace(/^\/+/, '');
  if (whole === wanted || whole.endsWith(`/${wanted}`)) return true;
  if (hasChinese(wanted)) return whole.endsWith(wanted);
  return !wanted.includes('.') && baseName(whole).replace(/\.[^.]+$/, '') === baseName(wanted);
}

function folderTargets(aim: Aim, transcript: Transcript, evidence: Evidence): Targets {
  const inside = (path: string) =>
    aim.folders.length === 0 || aim.folders.some((folder) => `/${path}`.includes(`/${folder}/`));
  const shared = transcript.shared.map((file) => file.path).filter(inside);
  const many = aim.kind === 'ask' && aim.subject.length > 0 && shared.length > MOST_READS;
  if (shared.length > 0 && !many) return { paths: ranked(shared, aim) };
  if (transcript.shared.length > 0 && aim.kind !== 'ask')
    return {
      paths: ranked(
        transcript.shared.map((f) => f.path),
        aim,
      ),
    };
  const lists = transcript.steps.filter((step) => step.tool === 'fs_list');
  if (aim.kind === 'ask' && aim.subject.length > 0) return searchTargets(aim, transcript, evidence);
  if (lists.length === 0)
    return { calls: aim.folders.length > 0 ? aim.folders.map((path) => list(path, true)) : [list('', true)] };
  // No folder of that name: perhaps it is what files are about.
  if (lists.every((step) => step.error))
    return searchTargets({ ...aim, subject: aim.folders, folders: [] }, transcript, evidence);
  return { paths: ranked(filesOf(evidence.listed), aim).slice(0, MOST_READS) };
}

function searchTargets(aim: Aim, transcript: Transcript, evidence: Evidence): Targets {
  const terms = termsOf(aim);
  const searched = transcript.steps.some((step) => step.tool === 'fs_search' && Array.isArray(step.args.terms));
  const path = aim.folders[0];
  if (!searched && terms.length > 0 && transcript.tools.has('fs_search'))
    return { calls: [search({ terms, pageSize: 200, ...(path ? { path } : {}) })] };
  const shared = new Set(transcript.shared.map((file) => file.path));
  const hits = new Map<string, Set<string>>();
  const wanted = new Set(tokens(terms.join(' ')));
  for (const { file, text } of evidence.matches) {
    if (!file?.path) continue;
    const held = hits.get(file.path) ?? new Set();
    for (const token of wordsIn(`${text} ${baseName(file.path)}`)) if (wanted.has(token)) held.add(token);
    hits.set(file.path, held);
  }
  // The device gives the best first; a sort keeps that order among equals.
  const paths = [...hits]
    .sort(([a, x], [b, y]) => Number(shared.has(b)) - Number(shared.has(a)) || y.size - x.size)
    .map(([file]) => file);
  if (paths.length > 0) return { paths: paths.slice(0, 4) };
  if (shared.size > 0) return { paths: ranked([...shared], aim) };
  const listed = transcript.steps.some((step) => step.tool === 'fs_list');
  if (!listed) return { calls: [list('', true)] };
  const byName = filesOf(evidence.listed).filter((file) => overlaps(file, aim));
  return { paths: byName.slice(0, 3) };
}

const filesOf = (infos: readonly FileInfo[]): string[] =>
  infos.filter((info) => info.kind !== FileKind.FOLDER && isText(info)).map((info) => info.path);

/** Text by its media type or name; unknown ones are tried. */
const isText = (info: FileInfo): boolean =>
  !/^(?:image|audio|video|font)\/|zip|gzip|octet-stream|pdf/.test(info.mediaType);

function overlaps(path: string, aim: Aim): boolean {
  const words = new Set(tokens(path.replace(/[/_.-]/g, ' ')));
  return tokens(aim.subject.join(' ')).some((token) => words.has(token));
}

/** Files that a reader would open first: named in the question, then README and index, then by depth and name. */
function ranked(paths: readonly string[], aim: Aim): string[] {
  const first = (path: string) => (/^(?:readme|index|overview|introduction|summary)\b/i.test(baseName(path)) ? 1 : 0);
  const named = (path: string) => (overlaps(path, aim) ? 1 : 0);
  return [...paths].sort(
    (a, b) =>
      named(b) - named(a) || first(b) - first(a) || a.split('/').length - b.split('/').length || (a < b ? -1 : 1),
  );
}
