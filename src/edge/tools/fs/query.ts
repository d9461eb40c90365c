// fs.Query: one exact fact about files. The fact is kept on the box under a mark, and only the mark leaves, unless every file that was
// meant is shared. Whatever depends on what is in a file is in the fact, never in an error, a count or a list beside it.
import { create } from '@bufbuild/protobuf';
import {
  FsService,
  type QueryRequest,
  type QueryResponse,
  QueryResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import type { FileOrigin } from '../../files/file-origin.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { entriesBelow } from './entries-below.ts';
import { grantedOrigin } from './granted-origin.ts';
import { Looking } from './looking.ts';
import { type FactWords, factWords } from './query/fact-words.ts';
import { queryFilter } from './query/query-filter.ts';
import { measureWord, tallyOf } from './query/tally.ts';

const DEFAULT_MOST = 5;
const MAX_MOST = 100;
/** Characters of a fact. */
const MAX_TEXT = 16_384;

export function queryTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.query,
    prepare(message, call) {
      const request = message as QueryRequest;
      const start = request.path === '' ? undefined : parts.allow.judgeRead(request.path);
      if (request.classes.includes(0)) throw new AppError('INVALID_ARGUMENT', { what: 'one of `classes` is not set' });
      return async (emit) => emit(await query(parts, request, start, call));
    },
  };
}

async function query(
  parts: ToolParts,
  request: QueryRequest,
  start: JudgedPath | undefined,
  call: ToolCallContext,
): Promise<QueryResponse> {
  const looking = new Looking();
  const filter = queryFilter(request, parts.now());
  const most = Math.min(request.most || DEFAULT_MOST, MAX_MOST);
  const tally = tallyOf(measureWord(request.measure), filter.folders, most);
  const origins = new MeantFiles(parts, call);
  for await (const entry of entriesBelow(parts, start, looking, call.signal)) {
    if (!filter.meant(entry)) continue;
    looking.files++;
    await origins.add(entry.judged, filter.folders);
    if (filter.fits(entry)) tally.add(entry);
  }
  const words = factWords(request.language);
  const partial = looking.more || looking.skipped > 0;
  const fact = tally.text(words, partial) + asideOf(looking, words);
  const mark = parts.facts.newMark(call.run);
  const response = create(QueryResponseSchema, { mark, text: fact.slice(0, MAX_TEXT), looked: looking.looked });
  call.origins.fact(response, { mark, text: response.text });
  return call.origins.set(response, { kind: 'many', name: start?.name ?? '', ...origins.known });
}

/** What a fact leaves out, in words behind it. */
function asideOf(looking: Looking, words: FactWords): string {
  const notes = [...looking.skips].map(([why, { count, files }]) => {
    const names = files.slice(0, 3).map(({ path }) => path);
    return `${words.notLookedAt(count)}: ${words.list([...names, words.why[why]])}`;
  });
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

  async add(judged: JudgedPath, isFolder: boolean): Promise<void> {
    if (this.#more) return;
    const origin = isFolder ? undefined : await grantedOrigin(this.#parts, judged, this.#call).catch(() => undefined);
    if (origin) this.#files.push(origin);
    else {
      this.#more = true;
      this.#files = [];
    }
  }

  get known(): { readonly files: readonly FileOrigin[]; readonly more: boolean } {
    return { files: this.#files, more: this.#more };
  }
}
