// fs.Query: one exact fact about files. The fact is kept on the box under a mark, and only the mark leaves, unless every file that was
// meant is shared. Whatever depends on what is in a file, on its exact size or on the time that reading took is in the fact, never in an error,
// a count or a list beside it.
import { create } from '@bufbuild/protobuf';
import {
  FsService,
  type QueryRequest,
  type QueryResponse,
  QueryResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { inert } from '../../../base/inert.ts';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import type { FileOrigin } from '../../files/file-origin.ts';
import { nameIn, placeGlob } from '../../files/place-glob.ts';
import { toldSize } from '../../files/size-class.ts';
import type { WalkEntry } from '../../files/walk.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { entriesBelow } from './entries-below.ts';
import { grantedOrigin } from './granted-origin.ts';
import { Looking } from './looking.ts';
import { judgePlace } from './place.ts';
import { contentMeasure } from './query/content-measures.ts';
import { type FactWords, factWords } from './query/fact-words.ts';
import { isWithoutText } from './query/file-class.ts';
import { FileContent, type TextTaker } from './query/file-content.ts';
import { queryFilter } from './query/query-filter.ts';
import { type MeasureWord, measureWord, tallyOf } from './query/tally.ts';
import { TermCounter } from './query/term-counter.ts';
import { beginOf } from './query/time-span.ts';
import { ReadBudget, smallFirst } from './read-budget.ts';

const DEFAULT_MOST = 5;
const MAX_MOST = 100;
/** Characters of a fact. */
const MAX_TEXT = 16_384;

export function queryTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.query,
    prepare(message, call) {
      const request = message as QueryRequest;
      const start = request.path === '' ? undefined : judgePlace(parts, request.path, call.run);
      if (measureWord(request.measure) === 'OCCURRENCES' && request.terms.length === 0)
        throw new AppError('INVALID_ARGUMENT', { what: 'OCCURRENCES needs `terms`' });
      if (request.classes.includes(0) || request.exceptClasses.includes(0))
        throw new AppError('INVALID_ARGUMENT', { what: 'one of the classes is not set' });
      if ([request.fromDay, request.beforeDay].some((day) => day !== '' && beginOf(day) === undefined))
        throw new AppError('INVALID_ARGUMENT', { what: 'a day is written `2025-06-03`, `2025-06` or `2025`' });
      return { work: async (emit) => emit(await query(parts, request, start, call)) };
    },
  };
}

async function query(
  parts: ToolParts,
  request: QueryRequest,
  start: JudgedPath | undefined,
  call: ToolCallContext,
): Promise<QueryResponse> {
  const words = factWords(request.language);
  const looking = new Looking();
  const origins = new MeantFiles(parts, call);
  const { fact, content, kept } = await factOf({ parts, request, start, call, looking, origins, words });
  const mark = parts.facts.newMark(call.run);
  const text = (fact + asideOf(kept, content, words)).slice(0, MAX_TEXT);
  const response = create(QueryResponseSchema, { mark, text, looked: looking.looked });
  call.origins.fact(response, { mark, text });
  return call.origins.set(response, { kind: 'many', name: start?.name ?? '', ...origins.known });
}

interface Asked {
  readonly parts: ToolParts;
  readonly request: QueryRequest;
  readonly start: JudgedPath | undefined;
  readonly call: ToolCallContext;
  /** What leaves: it is told names alone. */
  readonly looking: Looking;
  readonly origins: MeantFiles;
  readonly words: FactWords;
}

interface Fact {
  readonly fact: string;
  readonly content: FileContent;
  /** What was passed over, for the fact: it may depend on sizes and on content. */
  readonly kept: Looking;
}

async function factOf(asked: Asked): Promise<Fact> {
  const { parts, request, call, looking, origins, words } = asked;
  const filter = queryFilter(request, parts.now());
  const most = Math.min(request.most || DEFAULT_MOST, MAX_MOST);
  const word = measureWord(request.measure);
  const measure = filter.folders ? undefined : contentMeasure(word, request, most);
  const tally = tallyOf(word, filter.folders, most, asked.start?.name ?? '');
  const told = ({ realPath, stat }: WalkEntry) => toldSize(parts.allow, realPath, stat);
  const meant = (entry: WalkEntry) => filter.meant(entry) && measure?.reads?.(entry.judged.name) !== false;
  const holding = filter.folders ? undefined : heldTerms(word, request);
  const reads = measure !== undefined || holding !== undefined;
  const readsText = holding !== undefined || (measure !== undefined && word !== 'DUPLICATES');
  const below = { glob: request.glob, signal: call.signal };
  if (reads) {
    // What leaves comes from a walk of its own, which reads nothing: neither what files hold nor how long they took to read tells on it.
    for await (const entry of entriesBelow(parts, asked.start, looking, below)) {
      if (!meant(entry)) continue;
      if (readsText && isWithoutText(entry.judged.name)) looking.skip('NOT_TEXT', entry.judged.name, told(entry));
      else looking.files++;
      if (filter.fits(entry)) measure?.sees?.(entry);
    }
  }
  const kept = reads ? new Looking() : looking;
  const content = new FileContent({ parts, call, looking: kept }, new ReadBudget(parts), (name, sha256) =>
    origins.read(name, sha256),
  );
  const entries = entriesBelow(parts, asked.start, kept, below);
  const named = request.copiesOf || request.glob;
  const isNamed = placeGlob(named);
  let isThere = false;
  for await (const entry of reads ? smallFirst(entries) : entries) {
    isThere ||= isNamed(entry.judged);
    if (!meant(entry)) continue;
    kept.files++;
    await origins.add(entry, filter.folders);
    if (!filter.fits(entry)) continue;
    if (holding && !(await holds(holding, entry, content))) continue;
    if (measure) await measure.take(entry, content);
    else tally.add(entry);
  }
  const name = isThere ? undefined : nameIn(named);
  const fact = name === undefined ? (measure ?? tally).text(words, kept.partial) : words.notFound(name);
  return { fact, content, kept };
}

/** What the text of a file must have one of, and what it must have none of. */
interface HeldTerms {
  readonly terms: readonly string[];
  readonly without: readonly string[];
}

/** Undefined where files are not chosen by their text. */
function heldTerms(word: MeasureWord, { terms, withoutTerms: without }: QueryRequest): HeldTerms | undefined {
  const held = { terms: word === 'OCCURRENCES' ? [] : terms, without };
  return held.terms.length + without.length > 0 ? held : undefined;
}

async function holds({ terms, without }: HeldTerms, entry: WalkEntry, content: FileContent): Promise<boolean> {
  const [wanted, unwanted] = [new TermCounter(terms), new TermCounter(without)];
  const both: TextTaker = {
    add(piece) {
      wanted.add(piece);
      unwanted.add(piece);
    },
    end() {
      wanted.end();
      unwanted.end();
    },
  };
  return (await content.text(entry, both)) && unwanted.count === 0 && (terms.length === 0 || wanted.count > 0);
}

/** What a fact leaves out, in words behind it. */
function asideOf(looking: Looking, { unread, guessed, warned }: FileContent, words: FactWords): string {
  const notes = [...looking.skips].map(([why, { count, files }]) => {
    const names = files.slice(0, 3).map(({ path }) => path);
    return `${words.notLookedAt(count)}${words.colon}${words.list([...names, words.why[why]])}`;
  });
  if (unread.length > 0) notes.push(words.noText(unread.length, unread.slice(0, 3)));
  for (const charset of new Set(guessed.values())) {
    const names = [...guessed].filter(([, one]) => one === charset).map(([name]) => name);
    notes.push(words.guessed(charset, names.slice(0, 3)));
  }
  for (const [name, warning] of [...warned].slice(0, 3)) notes.push(words.warned(name, inert(warning)));
  if (looking.more) notes.push(words.moreEntries);
  return notes.length === 0 ? '' : words.aside(notes.join('; '));
}

/** The origins of the files that were meant, as long as each of them is shared. */
class MeantFiles {
  readonly #parts: ToolParts;
  readonly #call: ToolCallContext;
  #files: FileOrigin[] = [];
  #more = false;

  constructor(parts: ToolParts, call: ToolCallContext) {
    this.#parts = parts;
    this.#call = call;
  }

  async add(entry: WalkEntry, isFolder: boolean): Promise<void> {
    if (this.#more) return;
    const origin = isFolder ? undefined : await grantedOrigin(this.#parts, entry, this.#call).catch(() => undefined);
    if (origin) this.#files.push(origin);
    else {
      this.#more = true;
      this.#files = [];
    }
  }

  /** What was read later must be what is shared. */
  read(name: string, sha256: Uint8Array): void {
    if (this.#more) return;
    const origin = this.#files.find((file) => file.name === name);
    if (!origin?.sha256 || Buffer.compare(origin.sha256, sha256) !== 0) this.#more = true;
  }

  get known(): { readonly files: readonly FileOrigin[]; readonly more: boolean } {
    return { files: this.#files, more: this.#more };
  }
}
