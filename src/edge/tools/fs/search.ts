// fs.Search: finds files by name and by the words in them. In files without a grant only words of the owner's own ask are
// searched for, and only names come out: no lines, no counts, and an order that tells only which of these words a file holds, as
// a search for each of them would.
import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type FileInfo,
  type SearchRequest as FsSearchRequest,
  type SearchResponse as FsSearchResponse,
  SearchResponseSchema as FsSearchResponseSchema,
  FsService,
  type SearchMatch,
  SearchMatchSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { SizeClass } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { foldText } from '../../../base/fold-text.ts';
import { pageSizeOf, readOffset, writePlace } from '../../../contract/paging.ts';
import type { WithheldWord } from '../../../contract/withheld.ts';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';
import { originOf } from '../../files/content.ts';
import type { FileOrigin } from '../../files/file-origin.ts';
import { hasNoText, type LookedAt } from '../../files/file-text.ts';
import { placeGlob } from '../../files/place-glob.ts';
import { compareNames, type WalkEntry } from '../../files/walk.ts';
import { type Cover, valuesIn } from '../../grants/grants.ts';
import type { TermsVerdict } from '../../grants/own-runs.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { entriesBelow } from './entries-below.ts';
import { fileInfo } from './file-info.ts';
import { FileRanking, type HoldingFile } from './file-ranking.ts';
import { noteUnreadable } from './list.ts';
import { Looking, type UnseenWord } from './looking.ts';
import { judgePlace, openJudged } from './place.ts';
import { isDocument, isWithoutText } from './query/file-class.ts';
import { isBadDocument } from './query/file-content.ts';
import { ReadBudget, roughSize, smallFirst } from './read-budget.ts';
import { SecretMemory } from './secret-memory.ts';
import { LineFinder, type LineHit } from './term-search.ts';
import { boundsOf, wordsHeld } from './words-in.ts';

const DEFAULT_PAGE = 50;
const MAX_PAGE = 200;
/** Matches of all pages together. */
const MOST_MATCHES = 1_000;

interface Hit {
  readonly match: SearchMatch;
  readonly score: number;
}

/** A file that is told by its name. */
interface NamedHit extends HoldingFile {
  readonly match: SearchMatch;
}

/** What was found: never more than a page of it is kept, however much there is. */
class Found {
  readonly #size: number;
  #lines: Hit[] = [];
  #least = 0;
  /** Files without a grant, or that match by name. */
  readonly named: FileRanking<NamedHit>;
  /** Files with a grant whose content was searched. */
  readonly searched: FileOrigin[] = [];
  /** Whether content of a file without a grant was searched, or names decided. */
  ungranted = false;
  /** Whether anything was left out. */
  cut = false;

  constructor(size: number) {
    this.#size = size;
    this.named = new FileRanking(size);
  }

  /** Whether a line with this score would be among the best. */
  wants(score: number): boolean {
    if (score >= this.#least) return true;
    this.cut = true;
    return false;
  }

  addLine(hit: Hit): void {
    this.#lines.push(hit);
    if (this.#lines.length < 4 * this.#size) return;
    this.#lines = this.lines.slice(0, 2 * this.#size);
    this.#least = this.#lines.at(-1)?.score ?? 0;
    this.cut = true;
  }

  /** Best first. */
  get names(): SearchMatch[] {
    return this.named.best.map(({ match }) => match);
  }

  /** Best first. */
  get lines(): Hit[] {
    return this.#lines.sort((a, b) => b.score - a.score || byPlace(a.match, b.match));
  }
}

export function searchTool(parts: ToolParts): EdgeTool {
  const secrets = new SecretMemory();
  return {
    method: FsService.method.search,
    prepare(message, call) {
      const request = message as FsSearchRequest;
      const start = request.path === '' ? undefined : judgePlace(parts, request.path, call.run);
      return { work: async (emit) => emit(await search({ parts, secrets }, request, start, call)) };
    },
  };
}

/** What one search looks for. */
interface Query {
  readonly parts: ToolParts;
  readonly secrets: SecretMemory;
  readonly terms: readonly string[];
  /** The same, as they are compared. */
  readonly folded: readonly string[];
  readonly verdict: TermsVerdict;
  readonly budget: ReadBudget;
  readonly looking: Looking;
  readonly found: Found;
  readonly call: ToolCallContext;
}

async function search(
  { parts, secrets }: Pick<Query, 'parts' | 'secrets'>,
  request: FsSearchRequest,
  start: JudgedPath | undefined,
  call: ToolCallContext,
): Promise<FsSearchResponse> {
  const { terms } = request;
  const verdict = parts.ownRuns.judgeTerms(call.run, terms);
  const size = pageSizeOf(request.pageSize, DEFAULT_PAGE, MAX_PAGE);
  const page = { from: readOffset(request.pageToken, MOST_MATCHES), size };
  const found = new Found(page.from + size);
  const [budget, looking] = [new ReadBudget(parts), new Looking()];
  const query = { parts, secrets, terms, folded: terms.map(foldText), verdict, budget, looking, found, call };
  const matches = placeGlob(request.glob);
  const entries = entriesOf(parts, start, looking, { glob: request.glob, run: call.run, signal: call.signal });
  for await (const entry of terms.length > 0 ? smallFirst(entries) : entries) {
    call.signal.throwIfAborted();
    if (!entry.stat.isFile() || !matches(entry.judged)) continue;
    await look(query, entry);
  }
  refuseEmpty(parts, verdict, found, call);
  return respond(query, start?.name ?? '', page);
}

/** What was piped into the ask is searched like everything else; only a path that leads elsewhere leaves it out. */
async function* entriesOf(
  parts: ToolParts,
  start: JudgedPath | undefined,
  looking: Looking,
  below: { readonly glob: string; readonly run: string; readonly signal: AbortSignal },
) {
  const piped = start ? undefined : parts.piped.of(below.run);
  if (piped) yield* entriesBelow(parts, piped, looking, below);
  yield* entriesBelow(parts, start, looking, below);
}

/** Looks at one file; one that cannot be read is told by its name alone, and noted. */
async function look(query: Query, entry: WalkEntry): Promise<void> {
  const { judged, realPath, stat } = entry;
  const { parts, terms, folded, found, call, looking } = query;
  const info = fileInfo(parts.allow, judged.name, realPath, stat);
  // The root's own name is in the path of every file below it, and tells none of them from the others.
  const name = foldText(judged.relative || judged.name);
  const inName = placesOf(folded, (term) => name.includes(term));
  const nameHits = terms.length === 0 || inName.length > 0;
  const granted = parts.grants.names(call.run, realPath);
  const why = passedOver(query, entry, granted);
  const told = why ? undefined : await lookInside(query, entry, info, granted, { nameHits, inName });
  const skipped = why ?? (told === 'unread' ? 'UNREADABLE' : told === 'late' ? 'TIME' : undefined);
  if (skipped === undefined || skipped === 'BY_NAME') looking.files++;
  else looking.skip(skipped, judged.name, info.sizeClass);
  if (told !== 'told' && nameHits) nameOnly(found, info, unread(entry, info), call, { inName });
}

/** Why nothing is looked for in a file, by its name, its size and what is left to be read; `BY_NAME` where nothing is looked for in any. */
function passedOver(
  { parts, terms, verdict, budget }: Query,
  { judged: { name }, stat }: WalkEntry,
  granted: boolean,
): UnseenWord | 'BY_NAME' | undefined {
  if (terms.length === 0 || (!granted && verdict.allowed.length === 0)) return 'BY_NAME';
  if (isWithoutText(name)) return 'NOT_TEXT';
  if (isDocument(name) && stat.size > parts.limits.file_bytes) return 'TOO_LARGE';
  return budget.refuses(roughSize(stat.size));
}

/** Places of the terms that pass. */
const placesOf = (terms: readonly string[], test: (term: string) => boolean): number[] =>
  terms.flatMap((term, place) => (test(term) ? [place] : []));

/** Whether the file is told from here, could not be read, or its time was over; `nothing`: it has no text, or may not be looked into. */
async function lookInside(
  query: Query,
  entry: WalkEntry,
  info: FileInfo,
  granted: boolean,
  { nameHits, inName }: { readonly nameHits: boolean; readonly inName: readonly number[] },
): Promise<'told' | 'nothing' | 'unread' | 'late'> {
  const { parts, verdict, found, call } = query;
  let file: OpenFile | undefined;
  try {
    file = await openJudged(parts, entry.judged);
    if (granted) {
      const looked = await parts.texts.look(file, boundsOf(query), query.budget.inTime);
      const origin = originOf(parts.allow, file, looked.sha256);
      const cover = parts.grants.covers({ ...origin, run: call.run, recipient: call.recipient });
      if (typeof cover !== 'string') {
        const lines = await searchLines(query, file, { looked, origin, cover }, info);
        if (!lines && nameHits) nameOnly(found, info, cover.lines ? unread(entry, info) : origin, call, { inName });
        return 'told';
      }
    }
    if (verdict.allowed.length === 0) return 'nothing';
    found.ungranted = true;
    const origin = originOf(parts.allow, file, undefined);
    const held = await heldTerms(query, file);
    if (held.length > 0 || nameHits) nameOnly(found, info, origin, call, { inName, inside: held });
    return 'told';
  } catch (error) {
    call.signal.throwIfAborted();
    if (!(error instanceof AppError)) throw error;
    if (error.reason === 'SEARCH_BUDGET') return 'late';
    // Of what is not shared it is not told that it is damaged; that its reader ended or is missing says nothing about what is in it.
    return hasNoText(error) || (!granted && isBadDocument(error)) ? 'nothing' : 'unread';
  } finally {
    await file?.handle.close();
  }
}

/** Adds the lines that hold a term, of those granted; false when there are none. */
async function searchLines(
  query: Query,
  file: OpenFile,
  { looked, origin, cover }: { readonly looked: LookedAt; readonly origin: FileOrigin; readonly cover: Cover },
  info: FileInfo,
): Promise<boolean> {
  const { terms, found, call, parts } = query;
  const hits: LineHit[] = [];
  let any = false;
  const may = (line: number) => !cover.lines || cover.lines.some(({ start, end }) => line >= start && line <= end);
  const finder = new LineFinder(terms, may, (hit) => {
    any = true;
    if (hits.length < MAX_PAGE || found.wants(hit.score)) hits.push(hit);
    if (hits.length >= 2 * MAX_PAGE) {
      hits.sort((a, b) => b.score - a.score || a.line - b.line).length = MAX_PAGE;
      found.cut = true;
    }
  });
  await parts.texts.text(file, looked, boundsOf(query), valuesIn(cover), (piece) => {
    query.budget.inTime();
    finder.add(piece);
  });
  finder.end();
  found.searched.push(origin);
  for (const hit of hits) {
    const match = create(SearchMatchSchema, { file: info, line: hit.line, text: hit.text });
    call.origins.set(info, origin);
    call.origins.set(match, { ...origin, lines: { start: hit.line, end: hit.line } });
    found.addLine({ match, score: hit.score });
  }
  return any;
}

/** Places of the terms of which a file without a grant holds all words. One with a secret in it is not searched. */
async function heldTerms(query: Query, file: OpenFile): Promise<number[]> {
  const { terms, verdict } = query;
  const { allowed } = verdict;
  const wanted = [...new Set(allowed.flatMap((term) => term.words))];
  const { found, secret } = await wordsHeld(query, file, wanted);
  if (secret) return [];
  const held = new Set(allowed.filter((one) => one.words.every((word) => found.has(word))).map(({ term }) => term));
  return placesOf(terms, (term) => held.has(term));
}

function nameOnly(
  found: Found,
  file: FileInfo,
  origin: FileOrigin,
  call: ToolCallContext,
  { inName, inside = [] }: { readonly inName: readonly number[]; readonly inside?: readonly number[] },
): void {
  const match = create(SearchMatchSchema, { file });
  call.origins.set(file, origin);
  call.origins.set(match, origin);
  const changedMs = file.modifyTime ? timestampMs(file.modifyTime) : 0;
  found.named.add({ match, inName, inside, changedMs });
}

/** The origin of a file that was not opened. */
function unread({ judged, realPath }: WalkEntry, info: FileInfo): FileOrigin {
  const { sizeClass } = info;
  return {
    kind: 'file',
    name: judged.name,
    realPath,
    device: 0n,
    inode: 0n,
    sha256: undefined,
    sizeClass,
  };
}

/** Says why a search for words that nobody may search for found nothing. It depends on names and grants only. */
function refuseEmpty(parts: ToolParts, verdict: TermsVerdict, found: Found, call: ToolCallContext): void {
  if (verdict.allowed.length > 0 || found.named.any || parts.grants.any(call.run)) return;
  if (verdict.over.length > 0) throw new AppError('SEARCH_BUDGET');
  if (verdict.foreign.length > 0) throw new AppError('TERM_NOT_IN_ASK');
}

function respond(
  { verdict, looking, found, call }: Query,
  name: string,
  { from, size }: { readonly from: number; readonly size: number },
): FsSearchResponse {
  const all = [...found.lines.map(({ match }) => match), ...found.names];
  const to = from + size;
  const matches = all.slice(from, to);
  const cutShort = looking.more || looking.skips.has('TIME') || looking.skips.has('BYTES');
  const truncated = found.cut || found.named.cut || cutShort || all.length > to;
  const note = (why: WithheldWord) =>
    call.origins.note({ field: 'matches', why, name, size: SizeClass.UNSPECIFIED, hint: '' });
  if (cutShort) note('BUDGET');
  if (verdict.foreign.length > 0) note('TERM_NOT_IN_ASK');
  if (verdict.over.length > 0) note('SEARCH_BUDGET');
  noteUnreadable(call, looking, 'matches', name);
  const response = create(FsSearchResponseSchema, {
    matches,
    truncated,
    nextPageToken: truncated && matches.length === size && to <= MOST_MATCHES ? writePlace(String(to)) : '',
    looked: looking.looked,
  });
  const more = found.ungranted || found.named.any || cutShort;
  return call.origins.set(response, { kind: 'many', name, files: found.searched, more });
}

const byPlace = (a: SearchMatch, b: SearchMatch): number =>
  compareNames(a.file?.path ?? '', b.file?.path ?? '') || a.line - b.line;
