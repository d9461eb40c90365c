// The unit of commit: what one command changes, all or nothing. Bytes in, bytes out; this room knows no event by meaning.

/** One event as it is stored; `data` is the encoded `bowline.event.v1` message. */
export interface StoredEvent {
  readonly type: string;
  readonly data: Uint8Array;
}

/** What is appended to one stream. */
export interface StreamPart {
  readonly stream: string;
  readonly kind: 'run' | 'conversation';
  /** The version the decision was made on; 0 means the stream must not exist yet. */
  readonly expected: number;
  /** Empty only where `expected` is above 0: then the version is checked and the stream held, but not changed. */
  readonly events: readonly StoredEvent[];
}

/** The record of one outstanding dispatch; it lives until a commit finishes or supersedes the dispatch. */
export interface OutboxRow {
  readonly dispatchId: string;
  readonly run: string;
  readonly job: string;
  readonly epoch: number;
  /** Package name, e.g. `bowline.capability.llm.v1`. */
  readonly capability: string;
  /** 0 to 2. */
  readonly tier: number;
  readonly target: 'worker' | 'device';
  /** Device id; set exactly when the target is a device. */
  readonly device?: string;
  /** Labels required. */
  readonly selector: Readonly<Record<string, string>>;
  /** Providers that may see this job's content; empty means any. */
  readonly recipients: readonly string[];
  readonly slots: number;
  /** Higher goes first. */
  readonly priority: number;
  readonly state: 'ready' | 'waiting';
  /** Why it waits. */
  readonly reason?: string;
  /** The replica that alone may send it to a worker. Counts at the first writing only. */
  readonly holder?: string;
}

/** A durable timer; it is due `dueInMs` after the database's `now()` of the commit. */
export interface TimerRow {
  readonly id: string;
  readonly stream: string;
  readonly kind: string;
  readonly dueInMs: number;
}

/** Projection of a conversation, whole. */
export interface ConversationRow {
  readonly tenant: string;
  readonly id: string;
  readonly title: string;
  readonly activeRun: string | null;
  /** Ids of the user events that wait their turn, first first. */
  readonly waiting: readonly string[];
  readonly turns: number;
  readonly device: string | null;
  /** Milliseconds since 1970; by default the commit's time, and never changed afterwards. */
  readonly createdAt?: number;
}

export type RunPhase = 'waiting' | 'running' | 'answered' | 'refused' | 'failed' | 'cancelled' | 'timed_out';

export interface RunUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicros: number;
}

/** Projection of a run, whole. Times are milliseconds since 1970. */
export interface RunRow {
  readonly tenant: string;
  readonly id: string;
  readonly conversation: string | null;
  /** The asking device, or the one a direct call was made to. */
  readonly device: string | null;
  readonly principal: string;
  readonly kind: 'ask' | 'call';
  readonly state: RunPhase;
  /** The text of the ask, or the method that was called. Its column is `question`: older builds beside this one know no other. */
  readonly text: string;
  readonly answer: string;
  readonly reason: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly usage: RunUsage;
  /** JSON values whose shape belongs to the writer. */
  readonly sources: unknown;
  readonly withheld: unknown;
  readonly egress: unknown;
  readonly leftOut: unknown;
  /** Null until a model has answered. */
  readonly model: unknown;
}

/** Projection of a job, whole. Times are milliseconds since 1970. */
export interface JobRow {
  readonly tenant: string;
  readonly run: string;
  readonly id: string;
  readonly method: string;
  /** Text for people, e.g. `device kitchen-pi` or `worker w1 (rules)`. */
  readonly target: string;
  readonly state: string;
  readonly attempts: number;
  readonly epoch: number;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly error: string | null;
}

/** What one result was charged. */
export interface UsageRow {
  readonly run: string;
  readonly job: string;
  readonly epoch: number;
  /** Full method name. */
  readonly method: string;
  readonly conversation: string | null;
  readonly device: string | null;
  readonly principal: string;
  /** Who was paid or asked, and the name of the model there; empty where nobody told. */
  readonly provider: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly costMicros: number;
  /** The tokens are an estimate. */
  readonly estimated: boolean;
}

/** Whom a dispatch is for, as budgets look at it. */
interface Bounded {
  readonly dispatchId: string;
  readonly conversation: string | null;
  readonly device: string | null;
  readonly principal: string;
  /** Models, as `name` and as `provider/name`; undefined: any. */
  readonly models: readonly string[] | undefined;
}

/** What a dispatch may use at most: it is reserved in each budget that bounds it, or the unit is not written. */
export interface WantRow extends Bounded {
  readonly job: string;
  /** Undefined where no budget is known; then the unit is not written if there is one. */
  readonly most: { readonly micros: number; readonly tokens: number; readonly prices: string } | undefined;
}

/** A dispatch that is over. */
export interface EndRow extends Bounded {
  /** What it used; undefined where that is not known (yet). */
  readonly used: { readonly micros: number; readonly tokens: number } | undefined;
}

/** A job that met a budget. */
export interface OverBudget {
  readonly job: string;
  /** The worst case of the job was not given. */
  readonly unpriced: boolean;
  readonly budget: string;
  readonly scope: string;
  readonly subject: string;
  readonly period: string;
  readonly limitMicros: number | null;
  readonly limitTokens: number | null;
  /** Spent and reserved. */
  readonly usedMicros: number;
  readonly usedTokens: number;
  readonly needsMicros: number | null;
  readonly needsTokens: number | null;
  /** When the next period begins, in milliseconds since 1970. */
  readonly until: number;
}

/** A session of a device by its epoch. */
export interface CommandSession {
  readonly device: string;
  readonly epoch: number;
}

/** Everything one command changes. A half of it is never seen. */
export interface CommitUnit {
  readonly tenant: string;
  /** With the command id the key of the inbox: who sent the command. */
  readonly source: string;
  readonly commandId: string;
  /** The device's session that the command came by: nothing is written when it stands no more. */
  readonly session?: CommandSession | undefined;
  /** What the same command is answered with when it comes again. */
  readonly outcome: Uint8Array;
  /** 1 to 4 different streams. */
  readonly parts: readonly StreamPart[];
  readonly outbox: readonly OutboxRow[];
  /** Dispatches that are over. */
  readonly outboxDone: readonly string[];
  readonly timers: readonly TimerRow[];
  readonly timersDone: readonly string[];
  readonly conversations: readonly ConversationRow[];
  readonly runs: readonly RunRow[];
  readonly jobs: readonly JobRow[];
  /** Default none. */
  readonly usage?: readonly UsageRow[];
  readonly wants?: readonly WantRow[];
  readonly ends?: readonly EndRow[];
}

export type CommitResult =
  /** `at` is the statement's `now()` in milliseconds since 1970. */
  | { readonly status: 'committed'; readonly at: number }
  /** A stream is not at its expected version; nothing was written. Load and decide again. */
  | { readonly status: 'conflict' }
  /** The session that the command came by stands no more; nothing was written, and never will be for this session. */
  | { readonly status: 'fenced' }
  /** Budgets have no room for these jobs; nothing was written. Decide again without them. */
  | { readonly status: 'over'; readonly over: readonly OverBudget[] }
  /** The command was committed before, perhaps by this very call whose answer was lost. Load before deciding again. */
  | { readonly status: 'duplicate'; readonly outcome: Uint8Array };

export interface LoadedEvent extends StoredEvent {
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface EventStore {
  /**
   * Commits a unit together with others that are under way. Safe to repeat with the same command id. Throws
   * STORE_UNAVAILABLE when the database did not answer in time (the outcome is then unknown: ask again), STORE_BUSY when
   * too many units wait, STORE_REFUSED when this unit can never be written, CLOSED after the store was closed.
   */
  commit(unit: CommitUnit): Promise<CommitResult>;
  /** The recorded outcome of a command, or undefined when it never was committed. */
  outcome(tenant: string, source: string, commandId: string): Promise<Uint8Array | undefined>;
  /** The events after version `after` (default 0) in order. Version 0 means that there is no such stream. */
  load(tenant: string, stream: string, after?: number): Promise<{ version: number; events: LoadedEvent[] }>;
}
