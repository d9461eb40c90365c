// Reads a YAML file that people write, judges it by a schema and tells mistakes by line and column. Knows no setting.
import * as v from 'valibot';
import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { AppError } from './errors.ts';
import { readSmall } from './read-small.ts';

/** Keys and indexes from the top of the file to a value. */
export type ConfigPath = readonly (string | number)[];

/** A configuration that fits its schema, with the places of its values for complaints that no schema can make. */
export interface ConfigFile<T> {
  readonly value: T;
  /** Throws CONFIG_INVALID at the place of the value. */
  fail(path: ConfigPath, problem: string): never;
}

/** Reads and judges a file; a missing one counts as empty. Throws CONFIG_INVALID (`file:line:column`). */
export function readConfig<S extends v.GenericSchema>(file: string, schema: S): ConfigFile<v.InferOutput<S>> {
  return parseConfig(file, readText(file), schema);
}

/** Far more than any configuration needs. */
export const MAX_CONFIG_BYTES = 1 << 20;

function readText(file: string): string {
  const read = readSmall(file, MAX_CONFIG_BYTES);
  if (read === undefined) return '';
  if ('text' in read) return read.text;
  throw new AppError('CONFIG_INVALID', { file, line: 1, column: 1, problem: read.problem }, { cause: read.cause });
}

/** Judges a text; `file` is only its name in errors. Throws CONFIG_INVALID. */
export function parseConfig<S extends v.GenericSchema>(
  file: string,
  text: string,
  schema: S,
): ConfigFile<v.InferOutput<S>> {
  // The parser takes memory that a small box without a configuration never needs.
  if (text === '') return judge({}, schema, (_path, problem) => invalid(file, { line: 1, col: 1 }, problem));
  try {
    return parse(file, text, schema);
  } catch (error) {
    if (error instanceof AppError) throw error;
    // Aliases and depth are what the library, or the stack, ends at.
    return invalid(file, { line: 1, col: 1 }, mistake(error instanceof Error ? error.message : 'cannot be read'));
  }
}

/** Values that an alias may stand for, by the library's count. */
const MAX_ALIASES = 50;

function parse<S extends v.GenericSchema>(file: string, text: string, schema: S): ConfigFile<v.InferOutput<S>> {
  const lines = new LineCounter();
  const fail = (offset: number, problem: string): never => invalid(file, lines.linePos(offset), problem);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) return fail(error.pos[0], mistake(error.message));
  return judge(toValue(document.toJS({ maxAliasCount: MAX_ALIASES })), schema, (path, problem) =>
    fail(offsetOf(document.contents, path), problem),
  );
}

function judge<S extends v.GenericSchema>(
  value: unknown,
  schema: S,
  fail: ConfigFile<unknown>['fail'],
): ConfigFile<v.InferOutput<S>> {
  const list = listForMap(schema, value, []);
  if (list) return fail(list, `${nameOf(list)} must be a map like \`key: value\`, not a list`);
  const result = v.safeParse(schema, value);
  if (result.success) return { value: result.output, fail };
  const issue = deepest(result.issues);
  const path = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)));
  return fail(path, problemOf(issue, path, schema));
}

function invalid(file: string, { line, col }: { line: number; col: number }, problem: string): never {
  throw new AppError('CONFIG_INVALID', { file, line: Math.max(line, 1), column: Math.max(col, 1), problem });
}

/** An empty file is an empty map. */
const toValue = (value: unknown): unknown => value ?? {};

/** What the library, or the stack, says, for people. */
function mistake(message: string): string {
  if (message.startsWith('Maximum call stack size exceeded')) return 'is nested too deeply';
  if (message.startsWith('Excessive alias count')) return 'has aliases (`*name`) that stand for too many values';
  return message.split('\n')[0] ?? message;
}

const nameOf = (path: ConfigPath): string => (path.length > 0 ? `\`${path.join('.')}\`` : 'the file');

/** Where a list stands in the place of a map: the library would take it for an empty one. */
function listForMap(schema: unknown, value: unknown, path: ConfigPath): ConfigPath | undefined {
  const shapes = expand(schema as Shape);
  if (Array.isArray(value)) {
    const items = shapes.flatMap(({ item }) => (item ? [item] : []));
    if (items.length === 0) return shapes.some(({ entries }) => entries) ? path : undefined;
    return first(value.entries(), ([index, one]) => first(items, (item) => listForMap(item, one, [...path, index])));
  }
  if (typeof value !== 'object' || value === null) return undefined;
  return first(Object.entries(value), ([key, one]) =>
    first(shapes, (shape) => {
      const next = shape.entries?.[key] ?? shape.value;
      return next && listForMap(next, one, [...path, key]);
    }),
  );
}

function first<T, U>(all: Iterable<T>, of: (one: T) => U | undefined): U | undefined {
  for (const one of all) {
    const found = of(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The branch of a union that came furthest tells most; an unknown key tells more than the one that it was meant to be. */
function deepest(issues: readonly v.BaseIssue<unknown>[]): v.BaseIssue<unknown> {
  const all = issues.flatMap((issue) => (issue.issues ? [deepest(issue.issues)] : [issue]));
  const weight = (issue: v.BaseIssue<unknown>) => 2 * (issue.path?.length ?? 0) + (isUnknownKey(issue) ? 1 : 0);
  return all.reduce((best, issue) => (weight(issue) > weight(best) ? issue : best));
}

const isUnknownKey = (issue: v.BaseIssue<unknown>): boolean =>
  issue.type === 'strict_object' && issue.expected === 'never';

function problemOf(issue: v.BaseIssue<unknown>, path: ConfigPath, schema: v.GenericSchema): string {
  const key = path.at(-1);
  const where = nameOf(path);
  if (isUnknownKey(issue)) {
    const known = keysAt(schema, path.slice(0, -1));
    const near = nearestWord(String(key), known);
    return `unknown key \`${key}\`${near ? `; did you mean \`${near}\`?` : `; known here: ${known.join(', ')}`}`;
  }
  if (issue.type === 'strict_object' && issue.received === 'undefined') return `${where} is missing`;
  if (issue.type === 'picklist' && issue.expected) {
    const near = nearestWord(String(issue.input), issue.expected.match(/[\w-]+/g) ?? []);
    return `${where} must be ${issue.expected}, not ${issue.received}${near ? `; did you mean \`${near}\`?` : ''}`;
  }
  if (issue.kind === 'schema' && issue.expected) {
    return `${where} must be ${issue.expected.toLowerCase()}, not ${issue.received}`;
  }
  return `${where}: ${issue.message}`;
}

interface Shape {
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly wrapped?: Shape;
  readonly item?: Shape;
  readonly value?: Shape;
  readonly options?: readonly (Shape | string)[];
}

/** The keys that the schema knows at a path, through optional values, lists, records and unions. */
function keysAt(schema: unknown, path: ConfigPath): string[] {
  const shapes = expand(schema as Shape);
  const [head, ...rest] = path;
  if (head === undefined) return shapes.flatMap((shape) => Object.keys(shape.entries ?? {}));
  return shapes.flatMap((shape) => {
    const next = shape.entries?.[String(head)] ?? shape.item ?? shape.value;
    return next ? keysAt(next, rest) : [];
  });
}

function expand(shape: Shape): Shape[] {
  if (shape.wrapped) return expand(shape.wrapped);
  const options = shape.options?.filter((option) => typeof option === 'object');
  return options && options.length > 0 ? options.flatMap(expand) : [shape];
}

/** Where a value stands; for a key that should not be there, where the key stands; else the nearest thing around it. */
function offsetOf(contents: unknown, path: ConfigPath): number {
  let offset = isNode(contents) ? (contents.range?.[0] ?? 0) : 0;
  let node = contents;
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (!pair) return offset;
      const last = depth === path.length - 1;
      if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
      if (!last && isNode(pair.value) && pair.value.range) offset = pair.value.range[0];
      node = pair.value;
    } else if (isNode(node) && 'items' in node && Array.isArray(node.items)) {
      const item: unknown = node.items[Number(step)];
      if (!isNode(item)) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}

/** The known word that a typo most likely meant: at most a third of its letters away. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, far: distance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const best = ranked[0];
  return best && best.far <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/** Edits between two words, a swap of neighbours counted once (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      next.push(best);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
