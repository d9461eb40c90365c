// What the tools of this turn found, as typed messages. A tool result that does not fit its contract counts as empty.
import { type DescMessage, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import {
  type FileInfo,
  SearchResponseSchema as FsSearchResponseSchema,
  ListResponseSchema,
  type ReadPages,
  ReadResponseSchema,
  type SearchMatch,
} from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { SearchResponseSchema as PassagesSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { OutputStream, RunResponseSchema } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { type Withheld, WithheldSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { lookedAt, type SeenFiles } from './looked.ts';
import { isObject, type Step } from './transcript.ts';

/** A file that was read. */
export interface ReadFile {
  readonly path: string;
  readonly info: FileInfo | undefined;
  /** Undefined where the content was withheld. */
  readonly text: string | undefined;
  readonly firstLine: number;
  readonly truncated: boolean;
  readonly withheld: readonly Withheld[];
  /** Set for a passage of a collection. */
  readonly found?: FoundIn;
  /** The page of a line, for a document with pages. */
  readonly pageAt?: (line: number) => number;
}

/** Where a passage was found. */
export interface FoundIn {
  readonly collection: string;
  /** Headings above the passage, from the outermost in. */
  readonly headings: readonly string[];
  /** Page, from 1; 0 where there are none. */
  readonly page: number;
  /** Whether lines apply to the document. */
  readonly lines: boolean;
}

export interface CommandRun {
  readonly argv: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: { readonly code: number; readonly signal: string } | undefined;
  readonly truncated: boolean;
  readonly withheld: readonly Withheld[];
}

export interface Evidence {
  readonly reads: readonly ReadFile[];
  /** Passages of collections, best first; each is read like a file of its document's name. */
  readonly passages: readonly ReadFile[];
  readonly matches: readonly SearchMatch[];
  readonly listed: readonly FileInfo[];
  readonly listedMore: boolean;
  readonly commands: readonly CommandRun[];
  /** What was looked at; undefined where nothing was searched or listed. */
  readonly looked: SeenFiles | undefined;
  /** Whether a search, or a part of it, was refused: what was not found may be there. */
  readonly refused: boolean;
  /** Steps that failed. */
  readonly failed: readonly Step[];
}

/** Everything that the steps of this turn found. */
export function evidenceOf(steps: readonly Step[]): Evidence {
  const done = steps.filter((step) => step.error === undefined);
  const lists = of(done, 'fs_list').map((step) => decode(ListResponseSchema, step.result));
  return {
    reads: of(done, 'fs_read').map(readOf),
    passages: of(done, 'retrieval_search').flatMap(passagesOf),
    matches: of(done, 'fs_search').flatMap((step) => decode(FsSearchResponseSchema, step.result).matches),
    listed: lists.flatMap((list) => list.files),
    listedMore: lists.some((list) => list.nextPageToken !== ''),
    commands: of(done, 'shell_run').map(commandOf),
    looked: lookedAt(steps),
    refused: of(steps, 'fs_search').some(isRefused),
    failed: steps.filter((step) => step.error !== undefined),
  };
}

/** Reasons for which words are not searched for. */
export const REFUSALS: ReadonlySet<string> = new Set(['TERM_NOT_IN_ASK', 'SEARCH_BUDGET']);

/** Words that were not searched for in files that are not shared. */
function isRefused({ error, result }: Step): boolean {
  if (error !== undefined) return true;
  const withheld = isObject(result) && Array.isArray(result.withheld) ? result.withheld : [];
  return withheld.some((item) => isObject(item) && REFUSALS.has(String(item.why)));
}

const of = (steps: readonly Step[], tool: string) => steps.filter((step) => step.tool === tool);

function decode<Desc extends DescMessage>(schema: Desc, json: JsonValue | undefined): MessageShape<Desc> {
  try {
    return fromJson(schema, isObject(json) ? json : {}, { ignoreUnknownFields: true });
  } catch {
    return fromJson(schema, {});
  }
}

function withheldOf(json: JsonValue | undefined): Withheld[] {
  const list = isObject(json) && Array.isArray(json.withheld) ? json.withheld : [];
  return list.map((item) => decode(WithheldSchema, item));
}

function readOf(step: Step): ReadFile {
  const response = decode(ReadResponseSchema, step.result);
  const withheld = withheldOf(step.result);
  const kept = withheld.some((item) => item.field === 'text' || item.field.endsWith('.text'));
  const path = response.file?.path || String(step.args.path ?? '');
  return {
    path,
    info: response.file,
    text: kept && response.text === '' ? undefined : response.text,
    firstLine: Math.max(1, response.firstLine),
    truncated: response.truncated,
    withheld,
    ...(response.pages && response.pages.first > 0 ? { pageAt: pageIn(response.pages) } : {}),
  };
}

const pageIn =
  ({ first, starts }: ReadPages) =>
  (line: number): number =>
    first + starts.filter((start) => start <= line).length;

function passagesOf(step: Step): ReadFile[] {
  return decode(PassagesSchema, step.result).passages.flatMap((passage) => {
    if (passage.document === '' || passage.text.trim() === '') return [];
    const { collection, headings, page, startLine } = passage;
    const found = { collection, headings, page, lines: startLine > 0 };
    const rest = { info: undefined, truncated: false, withheld: [] };
    return [{ path: passage.document, text: passage.text, firstLine: Math.max(1, startLine), found, ...rest }];
  });
}

function commandOf(step: Step): CommandRun {
  const json = isObject(step.result) ? step.result : {};
  const messages = (Array.isArray(json.messages) ? json.messages : []).map((item) => decode(RunResponseSchema, item));
  const bytes = (stream: OutputStream) =>
    Buffer.concat(
      messages.flatMap(({ event }) =>
        event.case === 'output' && event.value.stream === stream ? [event.value.data] : [],
      ),
    ).toString('utf8');
  const exit = messages.flatMap(({ event }) => (event.case === 'exit' ? [event.value] : [])).at(-1);
  const plainExit = isObject(json.exit) ? json.exit : undefined;
  return {
    argv: Array.isArray(step.args.argv) ? step.args.argv.map(String) : [],
    stdout: typeof json.stdout === 'string' ? json.stdout : bytes(OutputStream.STDOUT),
    stderr: typeof json.stderr === 'string' ? json.stderr : bytes(OutputStream.STDERR),
    exit:
      exit ?? (plainExit ? { code: Number(plainExit.code ?? 0), signal: String(plainExit.signal ?? '') } : undefined),
    truncated: exit?.truncated ?? plainExit?.truncated === true,
    withheld: withheldOf(step.result),
  };
}
