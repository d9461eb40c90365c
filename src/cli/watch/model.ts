// What `watch` shows, as plain values: pictures of the two sides, not their messages. Nothing here reads or draws.

/** One side, as it last answered. */
export type SideLook<T> =
  | { readonly is: 'asked' }
  | { readonly is: 'here'; readonly told: T }
  | { readonly is: 'away'; readonly why: string; readonly since: number };

export interface BoxLook {
  readonly name: string;
  /** `connected`, `connecting`, `offline`, ... */
  readonly connection: string;
  readonly model: string;
  readonly mayRead: string;
  readonly waitingAsks: number;
  /** How many calls wait for the owner's yes, in words; empty for none. */
  readonly waitingYes: string;
  readonly toolCalls: number;
  readonly memoryBytes: number;
  /** Sentences about what is wrong. */
  readonly problems: readonly string[];
}

export interface ControlLook {
  readonly where: string;
  readonly database: string;
  readonly devices: number;
  readonly workers: number;
  readonly openRuns: number;
  readonly waitingJobs: number;
  readonly memoryBytes: number;
  readonly problems: readonly string[];
}

export interface WorkerLook {
  readonly name: string;
  readonly serves: readonly string[];
  readonly models: readonly string[];
  readonly busy: number;
  readonly slots: number;
  readonly draining: boolean;
}

export interface RunLook {
  readonly id: string;
  /** `running`, `answered`, ...; `not sent` where only the box knows it. */
  readonly state: string;
  readonly isOpen: boolean;
  readonly device: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly asked: number;
  readonly ended: number | undefined;
}

export interface JobLook {
  readonly method: string;
  readonly target: string;
  readonly state: string;
  readonly attempts: number;
  readonly tookMs: number | undefined;
  readonly problem: string;
}

/** A run that is looked at. */
export interface RunDetail {
  readonly run: RunLook;
  readonly jobs: readonly JobLook[];
  readonly waitsFor: string;
  readonly answer: string;
  readonly left: readonly Crossing[];
}

/** Something that crossed the border of the box: lines of the ledger that differ only in their field. */
export interface Crossing {
  readonly at: number;
  readonly path: string;
  readonly fields: readonly string[];
  /** `content`, `name`, `metadata`. */
  readonly kind: string;
  readonly bytes: number;
  readonly to: readonly string[];
  readonly run: string;
}

export interface Totals {
  /** Since when it is counted. */
  readonly since: number;
  /** Bytes by recipient, as they were first met. */
  readonly bytes: ReadonlyMap<string, number>;
  /** Whether more left than could be counted. */
  readonly atLeast: boolean;
}

export interface WatchModel {
  readonly home: string;
  readonly now: number;
  readonly box: SideLook<BoxLook>;
  readonly control: SideLook<ControlLook>;
  readonly workers: readonly WorkerLook[];
  /** Newest first. */
  readonly runs: readonly RunLook[];
  /** Newest first. */
  readonly crossings: readonly Crossing[];
  readonly totals: Totals;
  readonly chosen: string | undefined;
  /** The run that is shown instead of the lists; `undefined` as its detail until it was read. */
  readonly shown: { readonly run: string; readonly detail: RunDetail | undefined; readonly from: number } | undefined;
  /** The run that is to be cancelled, until the owner has said yes or no. */
  readonly asksToCancel: string | undefined;
  /** What came of the last key. */
  readonly notice: string;
}

export const emptyModel = (home: string, now: number): WatchModel => ({
  home,
  now,
  box: { is: 'asked' },
  control: { is: 'asked' },
  workers: [],
  runs: [],
  crossings: [],
  totals: { since: now, bytes: new Map(), atLeast: false },
  chosen: undefined,
  shown: undefined,
  asksToCancel: undefined,
  notice: '',
});
