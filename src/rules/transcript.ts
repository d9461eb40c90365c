// Reads a chat request: the question, what was shared, what the tools of this turn answered, what earlier turns named.
import type { JsonValue } from '@bufbuild/protobuf';
import { type ChatRequest, type Message, Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { parseCutJson } from './cut-json.ts';
import { namesIn } from './names.ts';

/** A tool call of this turn with its answer. */
export interface Step {
  readonly tool: string;
  readonly args: Readonly<Record<string, JsonValue>>;
  /** The answer as JSON; undefined where it is missing or no JSON. */
  readonly result: JsonValue | undefined;
  readonly error: { readonly reason: string; readonly message: string } | undefined;
}

/** A file that the owner shared with this run. */
export interface SharedPath {
  readonly path: string;
  readonly lines?: { readonly start: number; readonly end: number };
}

export interface Transcript {
  /** What Bowline says to the model beforehand. */
  readonly system: string;
  readonly question: string;
  readonly steps: readonly Step[];
  /** How often the model has already asked for tools in this turn. */
  readonly rounds: number;
  readonly shared: readonly SharedPath[];
  readonly tools: ReadonlySet<string>;
  /** Files of the latest earlier turn that had any: named by the owner or read by a tool. */
  readonly earlierFiles: readonly string[];
}

/** Characters of an earlier message that are looked at for file names. */
const MOST_READ = 8000;

/** Takes a request apart. */
export function transcriptOf(request: ChatRequest): Transcript {
  const { messages } = request;
  const start = messages.findLastIndex((message) => message.role === Role.USER);
  const turn = messages.slice(start + 1);
  const system = messages
    .filter((message) => message.role === Role.SYSTEM)
    .map(textOf)
    .join('\n');
  return {
    system,
    question: start >= 0 ? textOf(messages[start]!) : '',
    steps: stepsOf(turn),
    rounds: turn.filter((message) => message.toolCalls.length > 0).length,
    shared: sharedIn(system),
    tools: new Set(request.tools.map((tool) => tool.name)),
    earlierFiles: filesOf(messages.slice(0, Math.max(0, start))),
  };
}

/** The text parts of a message. */
export function textOf(message: Message): string {
  return message.parts.map(({ part }) => (part.case === 'text' ? part.value : '')).join('\n');
}

function stepsOf(turn: readonly Message[]): Step[] {
  const answers = new Map(turn.filter((m) => m.role === Role.TOOL).map((m) => [m.toolCallId, textOf(m)]));
  return turn.flatMap((message) =>
    message.toolCalls.map((call) => {
      const args = parse(call.argumentsJson);
      const result = resultIn(answers.get(call.id) ?? '');
      return { tool: call.name, args: isObject(args) ? args : {}, result, error: errorIn(result) };
    }),
  );
}

/** A tool result; one that was clipped is read as far as it goes, and says that it is truncated. */
function resultIn(text: string): JsonValue | undefined {
  const json = parse(text);
  if (!isObject(json) || json.truncated !== true || typeof json.part !== 'string') return json;
  const part = parseCutJson(json.part);
  return isObject(part) ? { ...part, truncated: true } : json;
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/** Whether a JSON value is an object. */
export function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function errorIn(result: JsonValue | undefined): Step['error'] {
  if (result === undefined) return { reason: 'NO_RESULT', message: 'the tool gave no result' };
  if (!isObject(result) || !isObject(result.error)) return undefined;
  const { reason, message } = result.error;
  return {
    reason: typeof reason === 'string' ? reason : 'UNKNOWN',
    message: typeof message === 'string' ? message : '',
  };
}

const SHARED_LINE =
  /^\s{0,8}[-*•]\s{1,8}(?:`([^`]{1,4096})`|(\S.{0,4095}?))(?:#L(\d{1,9})(?:-L?(\d{1,9}))?)?\s{0,8}(?:[([,:].{0,200}?\blines?\s{1,8}(\d{1,9})\s{0,8}(?:-|–|to)\s{0,8}(\d{1,9}).*|\s[([].*|[([].*)?$/;

/** The bullet list of paths under the line that speaks of shared files. */
function sharedIn(system: string): SharedPath[] {
  const files: SharedPath[] = [];
  let inList = false;
  for (const line of system.split('\n')) {
    const match = SHARED_LINE.exec(line);
    if (!match) {
      if (line.trim() !== '')
        inList = /\bshared\b/i.test(line) && !/\b(?:nothing|no files?|not)\b[^.]*\bshared\b/i.test(line);
      continue;
    }
    if (!inList) continue;
    const start = Number(match[3] ?? match[5] ?? 0);
    const end = Number(match[4] ?? match[6] ?? match[3] ?? 0);
    const path = (match[1] ?? match[2])!.trim();
    if (match[1] === undefined && /^and \d+ more$/.test(path)) continue;
    files.push({ path, ...(start > 0 && end >= start ? { lines: { start, end } } : {}) });
  }
  return files;
}

function filesOf(earlier: readonly Message[]): string[] {
  for (let at = earlier.length - 1; at >= 0; at--) {
    const message = earlier[at]!;
    if (message.role === Role.USER || message.role === Role.ASSISTANT) {
      const read = message.toolCalls.flatMap((call) => {
        const args = parse(call.argumentsJson);
        return call.name === 'fs_read' && isObject(args) && typeof args.path === 'string' ? [args.path] : [];
      });
      const cited =
        message.role === Role.ASSISTANT
          ? citedIn(textOf(message).slice(0, MOST_READ))
          : namesIn(textOf(message).slice(0, MOST_READ)).files;
      const files = [...new Set([...read, ...cited])];
      if (files.length > 0) return files;
    }
  }
  return [];
}

/** Paths that an earlier answer gave as its sources: `(docs/notes.md:12)`. */
function citedIn(answer: string): string[] {
  return [...answer.matchAll(/[(（]([^()（）\n:]+?)(?::\d+(?:-\d+)?)?[)）]/g)]
    .map((match) => match[1]!)
    .filter((path) => namesIn(path).files.length > 0);
}
