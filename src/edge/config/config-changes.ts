// What an edit of config.yaml changed, in words: a line for each entry that came, went or changed. Pure. What may be a secret is not told.
import { createHash } from 'node:crypto';
import type { EdgeConfig, ExecuteEntry } from './edge-config.ts';
import { type EdgeLimits, LIMITS } from './edge-settings.ts';
import type { LanEntry } from './lan-entry.ts';

export interface ConfigChange {
  readonly text: string;
  /** Whether it counts only after the next start. */
  readonly atRestart: boolean;
}

/** What is told of a field; empty: that it changed, and not to what. */
interface Field {
  readonly is: string;
  readonly told: string;
}

type Fields = Readonly<Record<string, Field>>;

/** Limits that count at once, because nothing but a call is judged by them. */
const AT_ONCE: ReadonlySet<string> = new Set<keyof EdgeLimits>([
  'approval_hours',
  'approvals',
  'read_bytes',
  'file_bytes',
  'walk_entries',
  'walk_depth',
  'search_bytes',
  'search_ms',
  'command_seconds',
  'command_output_bytes',
  'command_processes',
  'command_memory_bytes',
  'egress_day_bytes',
  'share_files',
  'share_bytes',
]);

/** The limits by which calls are judged after an edit: the others stay as they were at the start. */
export function limitsInForce(atStart: EdgeLimits, now: EdgeLimits): EdgeLimits {
  const names = Object.keys(LIMITS) as (keyof EdgeLimits)[];
  const pairs = names.map((name) => [name, (AT_ONCE.has(name) ? now : atStart)[name]]);
  return Object.freeze(Object.fromEntries(pairs) as unknown as EdgeLimits);
}

/** What an edit changed, in the order of the file. */
export function configChanges(before: EdgeConfig, after: EdgeConfig): ConfigChange[] {
  const keys = Object.keys(PARTS) as (keyof EdgeConfig)[];
  return keys.flatMap((key) => changesOf(entriesOf(before, key), entriesOf(after, key)));
}

/** One value for all that an edge was told by its configuration. */
export function configDigest(config: EdgeConfig): Uint8Array {
  const keys = Object.keys(PARTS) as (keyof EdgeConfig)[];
  const all = keys.map((key) => [...entriesOf(config, key)].map(([name, { fields }]) => [name, fields]));
  return createHash('sha256').update(JSON.stringify(all)).digest();
}

interface Part {
  readonly fields: Fields;
  readonly atRestart: boolean;
}

type Entries = ReadonlyMap<string, Part>;

function changesOf(before: Entries, after: Entries): ConfigChange[] {
  const gone = [...before].filter(([name]) => !after.has(name)).map(([name, part]) => change(part, `removed: ${name}`));
  const rest = [...after].flatMap(([name, part]) => {
    const was = before.get(name);
    if (!was) return [change(part, `added: ${name}${inBrackets(part.fields)}`)];
    const changed = fieldChanges(was.fields, part.fields);
    return changed.length === 0 ? [] : [change(part, `changed: ${name}: ${changed.join('; ')}`)];
  });
  return [...gone, ...rest];
}

const change = ({ atRestart }: Part, text: string): ConfigChange => ({ text: cut(text), atRestart });

function inBrackets(fields: Fields): string {
  const told = Object.entries(fields).flatMap(([key, { told: text }]) =>
    text === '' ? [] : [`${key} ${text}`.trim()],
  );
  return told.length === 0 ? '' : ` (${told.join('; ')})`;
}

function fieldChanges(before: Fields, after: Fields): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => {
    const [was, is] = [before[key], after[key]];
    if (was?.is === is?.is) return [];
    const told = (field: Field | undefined) => field?.told || 'nothing';
    const silent = (was?.told || is?.told || '') === '';
    return [silent ? `${key} is another` : `${key} ${told(was)} -> ${told(is)}`.trim()];
  });
}

const MOST_LETTERS = 400;
const cut = (text: string): string => {
  const letters = [...text];
  return letters.length <= MOST_LETTERS ? text : `${letters.slice(0, MOST_LETTERS - 1).join('')}…`;
};

const plain = (value: string | number | boolean): Field => ({ is: String(value), told: String(value) });
const silent = (value: string): Field => ({ is: value, told: '' });
const listed = (values: readonly string[]): Field => ({ is: JSON.stringify(values), told: values.join(', ') });

function entriesOf<K extends keyof EdgeConfig>(config: EdgeConfig, key: K): Entries {
  return new Map(PARTS[key](config[key]));
}

type Told = readonly (readonly [name: string, part: Part])[];

const one = (name: string, fields: Fields, atRestart = false) => [name, { fields, atRestart }] as const;
const value = (name: string, is: string | number | undefined, atRestart: boolean): Told =>
  is === undefined ? [] : [one(name, { '': plain(is) }, atRestart)];

/** Each key of the configuration, so that a new one is not forgotten. */
const PARTS: { readonly [K in keyof EdgeConfig]: (value: EdgeConfig[K]) => Told } = {
  roots: (roots) => roots.flatMap(({ path, readable }) => (readable ? [one(`allow.read ${path}`, {})] : [])),
  hidden: (patterns) => patterns.map((pattern) => one(`allow.hidden ${pattern}`, {})),
  write: (entries) =>
    entries.map(({ realPath, folder, confirm }) =>
      one(`allow.write ${realPath}${folder ? '/' : ''}`, { confirm: plain(confirm) }),
    ),
  execute: (entries) => named(entries.map((entry) => [`allow.execute ${entry.argv.join(' ')}`, commandFields(entry)])),
  lan: (entries) => entries.map((entry) => one(`allow.lan ${entry.name}`, lanFields(entry))),
  secrets: (files) => Object.entries(files).map(([name, file]) => one(`secrets ${name}`, { file: plain(file) })),
  notify: (notify) =>
    notify ? [one('notify', { command: silent(JSON.stringify(notify.command)), title: plain(notify.title) })] : [],
  labels: (labels) => Object.entries(labels).map(([name, text]) => one(`labels ${name}`, { '': plain(text) })),
  limits: (limits) =>
    Object.entries(limits).flatMap(([name, limit]) => value(`limits.${name}`, limit, !AT_ONCE.has(name))),
  localModel: (model) => (model ? [one('local_model', { entry: silent(JSON.stringify(model)) }, true)] : []),
  name: (name) => value('name', name, true),
  control: (control) => value('control', control, true),
  commandUid: (uid) => value('command_uid', uid, true),
  documentIsolation: (isolation) => value('document_isolation', isolation, true),
  ledgerFull: (full) => value('ledger_full', full, true),
  telemetry: (told) => value('telemetry', told, true),
};

/** Entries of the same words are told apart by their place. */
function named(entries: readonly (readonly [name: string, fields: Fields])[]): Told {
  const seen = new Map<string, number>();
  return entries.map(([name, fields]) => {
    const n = (seen.get(name) ?? 0) + 1;
    seen.set(name, n);
    return one(n === 1 ? name : `${name} (the ${n}. of these words)`, fields);
  });
}

/** Values of the environment may be secrets: only their names are told. */
const commandFields = ({ env, cwd, confirm, output, isolation, network, preview, stdin, read, writes }: ExecuteEntry) =>
  ({
    confirm: plain(confirm),
    output: plain(output),
    isolation: plain(isolation),
    network: plain(network),
    preview: plain(preview),
    stdin: plain(stdin),
    cwd: plain(cwd ?? ''),
    read: listed(read),
    writes: listed(writes),
    ...Object.fromEntries(Object.entries(env).map(([name, text]) => [`env ${name}`, silent(text)])),
  }) satisfies Fields;

/** Values of headers may be secrets: only their names are told. */
function lanFields({ name: _, scheme: __, host: ___, port: ____, headers, ...rest }: LanEntry): Fields {
  return Object.fromEntries([
    ...Object.entries(rest).map(([key, is]) => [key, typeof is === 'object' ? listed(is) : plain(is ?? '')] as const),
    ...Object.entries(headers).map(([key, text]) => [`header ${key}`, silent(text)] as const),
  ]);
}
