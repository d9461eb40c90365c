// The table of every setting of the edge: its limits, and two more. Parsing, bounds, help and docs are made from it, as from the
// tables of the other programs; what may be read, written and run is no setting but a list, and stands in edge-config.ts alone.
import type { NumberSetting, Setting, SettingTable, SettingValues } from '../../base/settings/setting.ts';
import { namesOf } from '../../base/settings/setting-text.ts';

interface Bounds {
  readonly min?: number;
  readonly unit?: NumberSetting['unit'];
}

const limit = (key: string, what: string, fallback: number, max: number, { min = 1, unit = 'count' }: Bounds = {}) =>
  ({
    env: `BOWLINE_EDGE_${key.toUpperCase()}`,
    key: `limits.${key}`,
    group: 'limits',
    kind: 'number',
    unit,
    what,
    fallback,
    min,
    max,
  }) as const;

const bytes = (key: string, what: string, fallback: number, max: number, min = 1) =>
  limit(key, what, fallback, max, { min, unit: 'bytes' });

export const LIMITS = {
  parallel: limit('parallel', 'tool calls at once', 4, 64),
  queue: limit('queue', 'tool calls that wait for a free slot; more are refused', 64, 1024, { min: 0 }),
  tool_calls: limit(
    'tool_calls',
    'idempotency keys of calls with an effect that have not expired; at most one for 256 bytes of journal',
    65_536,
    1_000_000,
  ),
  call_hours: limit('call_hours', 'longest time from the arrival of a tool call to its expiry', 24, 24 * 7, {
    unit: 'hours',
  }),
  approval_hours: limit('approval_hours', 'how long a tool call waits for the approval of the owner', 24, 24 * 30, {
    unit: 'hours',
  }),
  approvals: limit(
    'approvals',
    'approvals of one run that the owner is asked for at once; its other calls wait in line',
    3,
    64,
  ),
  read_bytes: bytes('read_bytes', 'text of one Read', 256 << 10, 3 << 20),
  file_bytes: bytes('file_bytes', 'largest file that is opened for its content', 4 << 20, 64 << 20),
  document_seconds: limit('document_seconds', 'longest time for the text of one PDF or other document', 20, 600, {
    unit: 'seconds',
  }),
  document_memory_bytes: bytes(
    'document_memory_bytes',
    'most memory of the process that reads documents',
    512 << 20,
    8 * 2 ** 30,
    128 << 20,
  ),
  walk_entries: limit('walk_entries', 'files and folders that one List, Search or Query looks at', 20_000, 1_000_000),
  walk_depth: limit('walk_depth', 'deepest folder that List, Search and Query go into', 500, 500),
  search_bytes: bytes('search_bytes', 'bytes that one Search or Query reads', 1 << 30, 2 ** 36),
  search_ms: limit(
    'search_ms',
    'longest time of one Search or Query; what was not looked at is said',
    30_000,
    240_000,
    {
      unit: 'ms',
    },
  ),
  command_seconds: limit('command_seconds', 'time of a command', 60, 86_400, { unit: 'seconds' }),
  command_output_bytes: bytes(
    'command_output_bytes',
    'output of a command that is kept, in bytes; the rest is dropped, and the exit says so',
    256 << 10,
    2 << 20,
  ),
  command_processes: limit('command_processes', 'processes and threads of a command at once', 64, 4096, { min: 2 }),
  command_memory_bytes: bytes(
    'command_memory_bytes',
    'most private memory of one process of a command',
    1 << 30,
    2 ** 40,
    16 << 20,
  ),
  command_disk_bytes: bytes(
    'command_disk_bytes',
    'bytes that a command may write in memory under bubblewrap; without bubblewrap, bytes of one file that it writes',
    64 << 20,
    2 ** 36,
    1 << 20,
  ),
  changes_days: limit(
    'changes_days',
    'days for which what changes replaced is kept, so that they can be undone',
    30,
    3650,
    {
      unit: 'days',
    },
  ),
  changes_bytes: bytes(
    'changes_bytes',
    'bytes of what changes replaced; the oldest goes first, and a change that replaces more is refused; 0: nothing is kept, and nothing can be undone',
    256 << 20,
    2 ** 36,
    0,
  ),
  share_files: limit('share_files', 'files of one share', 2_000, 2_000),
  share_bytes: bytes(
    'share_bytes',
    'bytes of one share; twice as many may leave under it, because a model may read a file again',
    16 << 20,
    256 << 20,
  ),
  egress_day_bytes: bytes(
    'egress_day_bytes',
    'content that may leave the box on one day of its local time, under whatever grant; your own words and what is sealed for your other machines do not count. The rest is withheld until midnight. 0: none may',
    256 << 20,
    2 ** 40,
    0,
  ),
  share_minutes: limit('share_minutes', 'longest life of a share', 15, 15, { unit: 'minutes' }),
  clients: limit('clients', 'clients of the socket of the owner at once: commands, `chat`, `watch`', 64, 1024),
  asks: limit('asks', 'asks that wait for an answer; a number above 256 counts as 256', 256, 4096),
  frame_bytes: bytes('frame_bytes', 'largest frame that the edge takes or sends', 4 << 20, 64 << 20, 64 << 10),
  journal_bytes: bytes('journal_bytes', 'bytes of all segments of the journal together', 64 << 20, 1 << 30, 8 << 20),
  ledger_bytes: bytes(
    'ledger_bytes',
    'bytes of the archive of the ledger, which has the lines that were pruned from the journal',
    256 << 20,
    2 ** 36,
    16 << 20,
  ),
} as const satisfies Record<string, Setting>;

const OTHERS = {
  commandUid: {
    env: 'BOWLINE_EDGE_COMMAND_UID',
    key: 'command_uid',
    group: 'others',
    kind: 'number',
    unit: 'count',
    what: 'first of the 64 user ids for commands, one each, if the edge runs as root',
    fallback: 60_800,
    min: 1000,
    max: 4_000_000_000,
  },
  documentIsolation: {
    env: 'BOWLINE_EDGE_DOCUMENT_ISOLATION',
    key: 'document_isolation',
    group: 'others',
    kind: 'choice',
    of: ['bubblewrap', 'process'],
    what: 'how documents are read: in bubblewrap, without network and files; or in a plain child process, which keeps the network',
    fallback: 'bubblewrap',
  },
  ledgerFull: {
    env: 'BOWLINE_EDGE_LEDGER_FULL',
    key: 'ledger_full',
    group: 'others',
    kind: 'choice',
    of: ['refuse', 'drop_oldest'],
    what: 'what happens when the archive of the ledger is full: new work is refused, or the oldest lines are dropped',
    fallback: 'refuse',
  },
  telemetry: {
    env: 'BOWLINE_EDGE_TELEMETRY',
    key: 'telemetry',
    group: 'others',
    kind: 'choice',
    of: ['none', 'control'],
    what: 'who is told of the work of this edge: nobody, or its control plane, with times, counts, ids and reason codes',
    fallback: 'none',
  },
} as const satisfies Record<string, Setting>;

export const EDGE_TABLE = {
  program: 'edge',
  file: 'config.yaml',
  prefix: 'BOWLINE_EDGE_',
  groups: { limits: 'Limits of the edge', others: 'More of the edge' },
  rows: { ...LIMITS, ...OTHERS },
} as const satisfies SettingTable;

export type EdgeSettings = SettingValues<typeof EDGE_TABLE.rows>;

/** The limits of the edge by their keys in config.yaml. */
export type EdgeLimits = SettingValues<typeof LIMITS>;

/** The most that a limit can be set to. */
export const mostOf = (name: keyof EdgeLimits): number => LIMITS[name].max;

/** Every name that may stand in the environment and behind `--set`. */
export const edgeSettingNames = (): string[] => namesOf(EDGE_TABLE);
