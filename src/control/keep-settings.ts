// The settings of retention: how long the control plane keeps what is over.
import type { Setting } from '../base/settings/setting.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const KEEP_SETTINGS = {
  keepRunsMs: {
    env: 'BOWLINE_KEEP_RUNS',
    group: 'keep',
    kind: 'time',
    what: 'how long a run is kept after its end, with its events, texts and jobs; longer where the next turn of its conversation needs it',
    fallback: '90d',
    min: MINUTE,
    max: 3_650 * DAY,
  },
  keepConversationsMs: {
    env: 'BOWLINE_KEEP_CONVERSATIONS',
    group: 'keep',
    kind: 'time',
    what: 'how long a conversation is kept after the end of its last run',
    fallback: '90d',
    min: MINUTE,
    max: 3_650 * DAY,
  },
  keepRemovedMs: {
    env: 'BOWLINE_KEEP_REMOVED',
    group: 'keep',
    kind: 'time',
    what: 'how long it is remembered when and why a run was removed',
    fallback: '400d',
    min: MINUTE,
    max: 3_650 * DAY,
  },
  archive: {
    env: 'BOWLINE_ARCHIVE',
    group: 'keep',
    kind: 'switch',
    what: 'write each run into the blob store before it is removed; `runs show` goes on to show it for BOWLINE_KEEP_REMOVED',
  },
  keepUsageMs: {
    env: 'BOWLINE_KEEP_USAGE',
    group: 'keep',
    kind: 'time',
    what: 'how long each use of a model is kept by itself; then it is added to the sums of its day',
    fallback: '35d',
    min: MINUTE,
    max: 3_650 * DAY,
  },
  keepUsageSumsMs: {
    env: 'BOWLINE_KEEP_USAGE_SUMS',
    group: 'keep',
    kind: 'time',
    what: 'how long the sums of a day are kept, and what was spent of a budget in a period',
    fallback: '800d',
    min: 35 * DAY,
    max: 3_650 * DAY,
  },
  keepAuditMs: {
    env: 'BOWLINE_KEEP_AUDIT',
    group: 'keep',
    kind: 'time',
    what: 'how long entries of the audit trail are kept',
    fallback: '400d',
    min: MINUTE,
    max: 3_650 * DAY,
  },
  keepCommandsMs: {
    env: 'BOWLINE_KEEP_COMMANDS',
    group: 'keep',
    kind: 'time',
    what: 'how long a repeated command or request id is recognised; asks that wait in the queue of an edge must not be older',
    fallback: '30d',
    min: 2 * MINUTE,
    max: 3_650 * DAY,
  },
} as const satisfies Record<string, Setting & { readonly group: 'keep' }>;
