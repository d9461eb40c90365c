// fs.Search: finds files by name and by the words in them. In files without a grant only words of the owner's own ask are
// searched for, and only names come out: no lines, no counts, and no order that would tell of counts.
import { create } from '@bufbuild/protobuf';
import {
  type FileInfo,
  FsService,
  type SearchMatch,
  SearchMatchSchema,
  type SearchRequest,
  type SearchResponse,
  SearchResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { SizeClass } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import type { FileOrigin } from '../../egress/origins.ts';
import type { LineRange } from '../../grants/grants.ts';
import { foldText, type TermsVerdict } from '../../grants/own-runs.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { originOf, readContent } from './content.ts';
import { fileInfo } from './file-info.ts';
import { globMatcher } from './glob.ts';
import { asksForHidden, startsOf, walkBudget } from './list.ts';
import { decodeText, lineAt, linesOf } from './text.ts';
import { compareNames, type WalkBudget, type WalkEntry, walk } from './walk.ts';

const DEFAULT_PAGE = 50;
const MAX_PAGE = 200;
/** Lines that are kept before the best are chosen. */
const MAX_LINES = 2000;
/** Characters of a line that are told. */
const MAX_TEXT = 400;

interface Hit {
  readonly match: SearchMatch;
  /** Different terms in the line. */
  readonly score: number;
}

interface Found {
  /** Lines of files with a grant. */
  readonly lines: Hit[];
  /** Files without one, or that match by name. */
  readonly names: SearchMatch[];
  /** Files with a grant whose content was searched. */
  readonly searched: FileOrigin[];
  /** Whether content of a file without a grant was searched, or names decided. */
  ungranted: boolean;
  cut: boolean;
}

export function searchTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.search,
    prepare(message, call) {
      const request = message as SearchRequest;
      const start = request.path === '' ? undefined : parts.allow.judgeRead(request.path);
      return async (emit) => emit(await search(parts, request, start, call));
    },
  };
}

async function search(
  parts: ToolParts,
  request: SearchRequest,
  start: JudgedPath | undefined,
  call: ToolCallContext,
): Promise<SearchResponse> {
  const verdict = parts.ownRuns.judgeTerms(call.run, request.terms);
  const found: Found = { lines: [], names: [], searched: [], ungranted: false, cut: false };
  const budget = walkBudget(parts);
  const bytes = { left: parts.limits.search_bytes };
  const matches = globMatcher(request.glob);
  for await (const entry of candidates(parts, start, request.glob, budget, call)) {
    if (call.signal.aborted) break;
    if (!entry.stat.isFile() || !matches(entry.judged.relative || entry.judged.name)) continue;
    if (found.names.length >= MAX_LINES || bytes.left <= 0) {
      budget.met = true;
      break;
    }
    await look(parts, entry, request.terms, verdict, bytes, found, call);
  }
  refuseEmpty(parts, verdict, found, call);
  return respond(request, verdict, budget, found, call, start?.name ?? '');
}

async function* candidates(
  parts: ToolParts,
  start: JudgedPath | undefined,
  glob: string,
  budget: WalkBudget,
  call: ToolCallContext,
): AsyncGenerator<WalkEntry> {
  const hidden = asksForHidden(start, glob);
  const options = { recursive: true, hidden, maxDepth: parts.limits.walk_depth, budget, signal: call.signal };
  for (const judged of start ? [start] : startsOf(parts)) {
    const { stat } = await parts.allow.resolve(judged);
    if (!stat) {
      if (start) throw new AppError('FILE_NOT_FOUND');
    } else if (stat.isDirectory()) yield* walk(parts.allow, judged, options);
    else yield { judged, stat };
  }
}

/** Looks at one file; one that cannot be read is left out. */
async function look(
  parts: ToolParts,
  { judged, stat }: WalkEntry,
  terms: readonly string[],
  verdict: TermsVerdict,
  bytes: { left: number },
  found: Found,
  call: ToolCallContext,
): Promise<void> {
  const info = fileInfo(judged.name, stat);
  const nameHits = terms.length === 0 || terms.some((term) => foldText(judged.name).includes(foldText(term)));
  const granted = parts.grants.names(call.run, judged.name);
  let contentHits = false;
  if (terms.length > 0 && (granted || verdict.allowed.length > 0) && stat.size <= parts.limits.file_bytes) {
    const file = await parts.allow.openFile(judged).catch(() => undefined);
    if (file) {
      try {
        const content = await readContent(file, parts.limits.file_bytes);
        bytes.left -= content.length;
        const origin = originOf(file, content);
        const cover = parts.grants.covers({ ...origin, run: call.run, recipient: call.recipient });
        const text = decodeText(content);
        if (typeof cover !== 'string') {
          found.searched.push(origin);
          const hits = text === undefined ? [] : linesWith(text, terms, cover.lines);
          for (const hit of hits) addLine(found, info, origin, hit, call);
          if (hits.length > 0) return;
          if (nameHits) nameOnly(found, info, cover.lines === undefined ? origin : unread(judged, info), call);
          return;
        } else if (verdict.allowed.length > 0) {
          found.ungranted = true;
          const folded = text === undefined ? '' : foldText(text);
          contentHits = verdict.allowed.some((term) => folded.includes(foldText(term)));
          if (contentHits || nameHits) nameOnly(found, info, { ...origin, sha256: undefined }, call);
          return;
        }
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
      } finally {
        await file.handle.close();
      }
    }
  }
  if (nameHits) nameOnly(found, info, unread(judged, info), call);
}

interface LineHit {
  readonly line: number;
  readonly text: string;
  readonly score: number;
}

/** Lines, of those granted, with at least one of the terms. */
function linesWith(text: string, terms: readonly string[], granted: readonly LineRange[] | undefined): LineHit[] {
  const lines = linesOf(text);
  const wanted = terms.map(foldText);
  const hits: LineHit[] = [];
  for (let line = 1; line <= lines.starts.length && hits.length < MAX_LINES; line++) {
    if (granted && !granted.some(({ start, end }) => line >= start && line <= end)) continue;
    const own = lineAt(lines, line);
    const folded = foldText(own);
    const at = wanted.map((term) => folded.indexOf(term)).filter((offset) => offset >= 0);
    if (at.length > 0) hits.push({ line, text: around(own, Math.min(...at)), score: at.length });
  }
  return hits;
}

/** At most 400 characters of a line, with the hit in them, cut between characters. */
function around(line: string, at: number): string {
  if (line.length <= MAX_TEXT) return line;
  const from = Math.max(0, Math.min(at - MAX_TEXT / 4, line.length - MAX_TEXT));
  return line.slice(from, from + MAX_TEXT).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '');
}

function addLine(found: Found, file: FileInfo, origin: FileOrigin, hit: LineHit, call: ToolCallContext): void {
  if (found.lines.length >= MAX_LINES) {
    found.cut = true;
    return;
  }
  const match = create(SearchMatchSchema, { file, line: hit.line, text: hit.text });
  call.origins.set(file, origin);
  call.origins.set(match, { ...origin, lines: { start: hit.line, end: hit.line } });
  found.lines.push({ match, score: hit.score });
}

function nameOnly(found: Found, file: FileInfo, origin: FileOrigin, call: ToolCallContext): void {
  const match = create(SearchMatchSchema, { file });
  call.origins.set(file, origin);
  found.names.push(call.origins.set(match, origin));
}

/** The origin of a file that was not opened. */
function unread(judged: JudgedPath, info: FileInfo): FileOrigin {
  const { sizeClass } = info;
  return {
    kind: 'file',
    name: judged.name,
    realPath: judged.path,
    device: 0n,
    inode: 0n,
    sha256: undefined,
    sizeClass,
  };
}

/** Says why a search for words that nobody may search for found nothing. It depends on names and grants only. */
function refuseEmpty(parts: ToolParts, verdict: TermsVerdict, found: Found, call: ToolCallContext): void {
  if (verdict.allowed.length > 0 || found.names.length > 0 || parts.grants.any(call.run)) return;
  if (verdict.over.length > 0) throw new AppError('SEARCH_BUDGET');
  if (verdict.foreign.length > 0) throw new AppError('TERM_NOT_IN_ASK');
}

function respond(
  request: SearchRequest,
  verdict: TermsVerdict,
  budget: WalkBudget,
  found: Found,
  call: ToolCallContext,
  name: string,
): SearchResponse {
  const size = Math.min(request.pageSize || DEFAULT_PAGE, MAX_PAGE);
  const lines = found.lines.sort((a, b) => b.score - a.score || byPlace(a.match, b.match)).map(({ match }) => match);
  const matches = [...lines, ...found.names].slice(0, size);
  const note = (why: string) =>
    call.origins.note({ field: 'matches', why, name, size: SizeClass.UNSPECIFIED, hint: '' });
  if (budget.met) note('BUDGET');
  if (verdict.foreign.length > 0) note('TERM_NOT_IN_ASK');
  if (verdict.over.length > 0) note('SEARCH_BUDGET');
  const response = create(SearchResponseSchema, {
    matches,
    truncated: found.cut || budget.met || lines.length + found.names.length > size,
  });
  const more = found.ungranted || found.names.length > 0 || budget.met;
  return call.origins.set(response, { kind: 'many', name, files: found.searched, more });
}

const byPlace = (a: SearchMatch, b: SearchMatch): number =>
  compareNames(a.file?.path ?? '', b.file?.path ?? '') || a.line - b.line;
