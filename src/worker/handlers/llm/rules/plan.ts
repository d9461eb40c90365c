// Decides the next tool calls of a turn, or that it is time to answer. Pure: the same transcript gives the same calls.
import type { JsonValue } from '@bufbuild/protobuf';
import { type FileInfo, FileKind } from '../../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { anyCase } from './any-case.ts';
import type { Evidence } from './evidence.ts';
import type { Intent } from './intent.ts';
import { hasChinese } from './language.ts';
import { baseName } from './names.ts';
import type { SharedFile, Transcript } from './transcript.ts';
import { searchTerms, tokens } from './words.ts';

export interface PlannedCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, JsonValue>>;
}

/** Files read for one question. */
const MOST_READS = 6;
/** After this many rounds of tools it answers with what it has. */
const MOST_ROUNDS = 5;

/** The next calls; empty means: answer now. */
export function nextCalls(intent: Intent, transcript: Transcript, evidence: Evidence): PlannedCall[] {
  if (transcript.rounds >= MOST_ROUNDS || passagesAnswer(intent, transcript, evidence)) return [];
  const asked = new Set(transcript.steps.map((step) => keyOf({ tool: step.tool, args: step.args })));
  const wanted = wantedCalls(intent, transcript, evidence);
  return wanted.filter((call) => transcript.tools.has(call.tool) && !asked.has(keyOf(call))).slice(0, MOST_READS);
}

/** Whether passages that were found before make looking at the device needless: no file is meant, and they hold the subject. */
function passagesAnswer(intent: Intent, transcript: Transcript, { passages }: Evidence): boolean {
  if (passages.length === 0 || !SATISFIED.has(intent.kind)) return false;
  const documents = passages.map(({ path }) => path);
  const meant = intent.files.filter((name) => !documents.some((path) => isCalled(path, name)));
  if (meant.length > 0 || transcript.shared.length > 0 || intent.folders.length > 0) return false;
  const wanted = new Set(tokens(intent.subject.join(' ')));
  const held = new Set(passages.flatMap(({ text, found }) => tokens([...(found?.headings ?? []), text].join(' '))));
  return [...wanted].filter((token) => held.has(token)).length * 2 >= wanted.size;
}

/** Kinds of questions that passages can answer. */
const SATISFIED: ReadonlySet<string> = new Set(['ask', 'find', 'summarise']);

const keyOf = (call: PlannedCall): string =>
  `${call.tool} ${JSON.stringify(Object.entries(call.args).sort(([a], [b]) => a.localeCompare(b)))}`;

function wantedCalls(intent: Intent, transcript: Transcript, evidence: Evidence): PlannedCall[] {
  switch (intent.kind) {
    case 'greet':
      return [];
    case 'run':
      return [{ tool: 'shell_run', args: { argv: [...intent.argv] } }];
    case 'list':
      return listCalls(intent, transcript);
    case 'find':
      return findCalls(intent);
    default:
      return readCalls(intent, transcript, evidence);
  }
}

function listCalls(intent: Intent, transcript: Transcript): PlannedCall[] {
  const recursive = /\b(?:all|every|recursive(?:ly)?|tree|everything)\b|所有|全部|递归/i.test(intent.question);
  const glob = intent.globs[0] === undefined ? {} : { glob: intent.globs[0] };
  const here = intent.folders.map((path) => list(path, recursive, glob));
  const failed = transcript.steps.some((step) => step.tool === 'fs_list' && step.error);
  return here.length > 0 && !failed ? here : [...here, list('', recursive || here.length === 0, glob)];
}

const list = (path: string, recursive: boolean, glob: Record<string, string> = {}): PlannedCall => ({
  tool: 'fs_list',
  args: { ...(path ? { path } : {}), ...(recursive ? { recursive } : {}), ...glob },
});

function findCalls(intent: Intent): PlannedCall[] {
  const path = intent.folders[0] === undefined ? {} : { path: intent.folders[0] };
  const globs = [...intent.globs, ...intent.files.map(globFor)];
  if (globs.length > 0 && intent.subject.length === 0) return globs.map((glob) => search({ ...path, glob }));
  const terms = termsOf(intent);
  if (terms.length === 0) return [list(intent.folders[0] ?? '', true)];
  return [search({ ...path, terms, ...(globs[0] === undefined ? {} : { glob: globs[0] }) })];
}

const search = (args: Record<string, JsonValue>): PlannedCall => ({ tool: 'fs_search', args });
const termsOf = (intent: Intent): string[] => searchTerms(intent.subject.join(' '));

/** A pattern for a name in any letter case; a Chinese one may have lost a first character to the words before it. */
function globFor(name: string): string {
  const base = baseName(name);
  if (hasChinese(base)) return `*${anyCase(base)}`;
  return base.includes('.') ? anyCase(base) : `${anyCase(base)}*`;
}

/** ask, read, summarise: find the files, read them. */
function readCalls(intent: Intent, transcript: Transcript, evidence: Evidence): PlannedCall[] {
  const targets = targetsOf(intent, transcript, evidence);
  return 'calls' in targets
    ? targets.calls
    : targets.paths.slice(0, MOST_READS).map((path) => read(path, intent, transcript.shared));
}

function read(path: string, intent: Intent, shared: readonly SharedFile[]): PlannedCall {
  const lines = intent.lines ?? shared.find((file) => file.path === path)?.lines;
  return { tool: 'fs_read', args: { path, ...(lines ? { startLine: lines.start, endLine: lines.end } : {}) } };
}

type Targets = { readonly paths: readonly string[] } | { readonly calls: PlannedCall[] };

function targetsOf(intent: Intent, transcript: Transcript, evidence: Evidence): Targets {
  const { shared, earlierFiles } = transcript;
  const loosely = intent.kind !== 'ask';
  const mentioned = shared.filter((file) => mentions(intent.question, file.path, loosely)).map((file) => file.path);
  const back = intent.refersBack || (intent.subject.length === 0 && intent.folders.length === 0);
  const named = intent.files.length > 0 ? intent.files : mentioned.length === 0 && back ? earlierFiles : [];
  if (named.length > 0) return namedTargets(named, intent, transcript, evidence);
  if (mentioned.length > 0) return { paths: mentioned };
  if (intent.kind === 'summarise' || intent.folders.length > 0) return folderTargets(intent, transcript, evidence);
  if (shared.length > 0 && shared.length <= MOST_READS)
    return {
      paths: ranked(
        shared.map((file) => file.path),
        intent,
      ),
    };
  return searchTargets(intent, transcript, evidence);
}

/** Whether a question holds the name of a file; `loosely`: its ending may be missing. */
function mentions(question: string, path: string, loosely: boolean): boolean {
  const base = baseName(path).toLowerCase();
  const text = question.toLowerCase();
  if (text.includes(base)) return true;
  if (!loosely) return false;
  const bare = base.replace(/\.[^.]+$/, '');
  if (bare.length < 4 && !hasChinese(bare)) return false;
  if (hasChinese(bare)) return bare.length >= 2 && text.includes(bare);
  return new RegExp(`(?<![\\w-])${bare.replace(/[^\w]/g, '\\$&')}(?![\\w-])`).test(text);
}

function namedTargets(named: readonly string[], intent: Intent, transcript: Transcript, evidence: Evidence): Targets {
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
    const calls = unknown.map((name) => search({ glob: globFor(name) }));
    if (searched === 0) return { calls: [...paths.map((path) => read(path, intent, transcript.shared)), ...calls] };
    const listed = transcript.steps.some((step) => step.tool === 'fs_list');
    if (!listed && paths.length === 0) return { calls: [list('', true)] };
    const inQuestion = filesOf(evidence.listed).filter((path) => mentions(intent.question, path, true));
    paths.push(...inQuestion);
  }
  if (paths.length > 0) return { paths: [...new Set(paths)] };
  // Nothing is called like that: perhaps it was no file name at all.
  return intent.subject.length > 0 ? searchTargets(intent, transcript, evidence) : { paths: [] };
}

/** Whether a path is meant by a name: the same, or ending with it. Names without an ending match any ending. */
function isCalled(path: string, name: string): boolean {
  const whole = path.toLowerCase();
  const wanted = name.toLowerCase().replace(/^\/+/, '');
  if (whole === wanted || whole.endsWith(`/${wanted}`)) return true;
  if (hasChinese(wanted)) return whole.endsWith(wanted);
  return !wanted.includes('.') && baseName(whole).replace(/\.[^.]+$/, '') === baseName(wanted);
}

function folderTargets(intent: Intent, transcript: Transcript, evidence: Evidence): Targets {
  const inside = (path: string) =>
    intent.folders.length === 0 || intent.folders.some((folder) => `/${path}`.includes(`/${folder}/`));
  const shared = transcript.shared.map((file) => file.path).filter(inside);
  const many = intent.kind === 'ask' && intent.subject.length > 0 && shared.length > MOST_READS;
  if (shared.length > 0 && !many) return { paths: ranked(shared, intent) };
  if (transcript.shared.length > 0 && intent.kind !== 'ask')
    return {
      paths: ranked(
        transcript.shared.map((f) => f.path),
        intent,
      ),
    };
  const lists = transcript.steps.filter((step) => step.tool === 'fs_list');
  if (intent.kind === 'ask' && intent.subject.length > 0) return searchTargets(intent, transcript, evidence);
  if (lists.length === 0)
    return { calls: intent.folders.length > 0 ? intent.folders.map((path) => list(path, true)) : [list('', true)] };
  if (lists.every((step) => step.error)) return lists.length > 1 ? { paths: [] } : { calls: [list('', true)] };
  return { paths: ranked(filesOf(evidence.listed), intent).slice(0, MOST_READS) };
}

function searchTargets(intent: Intent, transcript: Transcript, evidence: Evidence): Targets {
  const terms = termsOf(intent);
  const searched = transcript.steps.some((step) => step.tool === 'fs_search' && Array.isArray(step.args.terms));
  const path = intent.folders[0];
  if (!searched && terms.length > 0 && transcript.tools.has('fs_search'))
    return { calls: [search({ terms, pageSize: 200, ...(path ? { path } : {}) })] };
  const shared = new Set(transcript.shared.map((file) => file.path));
  const hits = new Map<string, Set<string>>();
  const wanted = new Set(tokens(terms.join(' ')));
  for (const { file, text } of evidence.matches) {
    if (!file?.path) continue;
    const held = hits.get(file.path) ?? new Set();
    for (const token of tokens(`${text} ${baseName(file.path)}`)) if (wanted.has(token)) held.add(token);
    hits.set(file.path, held);
  }
  // The device gives the best first; a sort keeps that order among equals.
  const paths = [...hits]
    .sort(([a, x], [b, y]) => Number(shared.has(b)) - Number(shared.has(a)) || y.size - x.size)
    .map(([file]) => file);
  if (paths.length > 0) return { paths: paths.slice(0, 4) };
  if (shared.size > 0) return { paths: ranked([...shared], intent) };
  const listed = transcript.steps.some((step) => step.tool === 'fs_list');
  if (!listed) return { calls: [list('', true)] };
  const byName = filesOf(evidence.listed).filter((file) => overlaps(file, intent));
  return { paths: byName.slice(0, 3) };
}

const filesOf = (infos: readonly FileInfo[]): string[] =>
  infos.filter((info) => info.kind !== FileKind.FOLDER && isText(info)).map((info) => info.path);

/** Text by its media type or name; unknown ones are tried. */
const isText = (info: FileInfo): boolean =>
  !/^(?:image|audio|video|font)\/|zip|gzip|octet-stream|pdf/.test(info.mediaType);

function overlaps(path: string, intent: Intent): boolean {
  const words = new Set(tokens(path.replace(/[/_.-]/g, ' ')));
  return tokens(intent.subject.join(' ')).some((token) => words.has(token));
}

/** Files that a reader would open first: named in the question, then README and index, then by depth and name. */
function ranked(paths: readonly string[], intent: Intent): string[] {
  const first = (path: string) => (/^(?:readme|index|overview|introduction|summary)\b/i.test(baseName(path)) ? 1 : 0);
  const named = (path: string) => (overlaps(path, intent) ? 1 : 0);
  return [...paths].sort(
    (a, b) =>
      named(b) - named(a) || first(b) - first(a) || a.split('/').length - b.split('/').length || a.localeCompare(b),
  );
}
