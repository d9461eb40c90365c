// What a tool of the edge is: it judges a request by letters, and does the work only when told to. It never sends.
import type { DescMethod, Message } from '@bufbuild/protobuf';
import type {
  Effect as ApprovalEffect,
  FileEffect,
  ShareEffect,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { Clock } from '../../base/clock.ts';
import type { Allowlist } from '../allowlist/allowlist.ts';
import type { Confirm } from '../config/config-schema.ts';
import type { EdgeLimits } from '../config/edge-settings.ts';
import type { Origins } from '../egress/origins.ts';
import type { FactBook } from '../facts/fact-book.ts';
import type { FileTexts } from '../files/file-text.ts';
import type { FileGrants, SearchTerms } from '../grants/file-grants.ts';
import type { PipedInput } from '../grants/piped-input.ts';
import type { SecretBook } from '../secrets/secret-book.ts';
import type { OwnTexts } from './fs/change/own-texts.ts';
import type { Temporaries } from './fs/change/temporaries.ts';
import type { KeptContent } from './kept-content.ts';
import type { LookUp } from './lan/find-address.ts';
import type { CommandIsolation } from './shell/isolation.ts';
import type { Previews } from './shell/preview/previews.ts';

/** One call of a tool. */
export interface ToolCallContext {
  readonly run: string;
  /** Id of the job, `run/step/index`. */
  readonly job: string;
  /** The idempotency key. */
  readonly key: string;
  /** What a yes for this call alone is bound to. */
  readonly callDigest: string;
  /** Provider that will see the result; empty when only the caller does. */
  readonly recipient: string;
  /** Time that the call had when it came, in milliseconds; undefined: none was said. */
  readonly deadlineMs: number | undefined;
  /** Aborts when the call is cancelled or its deadline passes. */
  readonly signal: AbortSignal;
  /** Where each response message comes from; what is not told here has no grant. */
  readonly origins: Origins;
}

/**
 * Hands a response message to the runner: one for a unary method, any number for a streaming one. `soon` says that the end
 * follows at once, so that the message need not be sent ahead of the result, which holds it too.
 */
export type Emit = (message: Message, when?: 'soon') => Promise<void>;

/** What a call is about to change, and what permits it. */
export interface Change {
  /** Names the entry of config.yaml that permits it, e.g. `write notes/todo.md`. */
  readonly entry: string;
  readonly confirm: Confirm;
  /**
   * Works out what would happen, changing nothing: what the owner is shown, and what the work is bound to.
   * @throws what the work would throw before it changes anything
   */
  readonly show: () => Promise<ApprovalEffect>;
  /** Lets go of what was kept for a yes that will not come. */
  readonly discard?: (shown: ApprovalEffect) => Promise<void>;
}

/** Content that a call would tell and that no grant may let out. */
export interface ShareToAsk {
  /**
   * What the owner would be asked to share, as it is now; undefined where a grant lets it out. Changes nothing.
   * @throws what the work would throw whatever is in the file: then nobody is asked, and the call says it itself
   */
  readonly show: () => Promise<ShareEffect | undefined>;
}

/** Keeps what changes replace, so that they can be taken back. */
export interface ChangeKeeper {
  /** Where what is made beside a file is noted first, so that no kill leaves it there. */
  readonly temporaries: Pick<Temporaries, 'noted'>;
  /** Acts when every earlier change of these paths has ended. */
  inLine<T>(paths: readonly string[], act: () => Promise<T>): Promise<T>;
  /**
   * Resolves when what is replaced is on the disk, and written down. @param content what is there before; undefined: nothing that has
   * to be kept. @throws LIMIT_EXCEEDED, DISK_FULL, JOURNAL_WRITE: then nothing may be changed
   */
  keep(call: KeptCall, effect: FileEffect, content: KeptContent | undefined): Promise<void>;
  /**
   * The same of changes that happen together, in their order: all is kept, or, where it throws, nothing. Where all of it is more than is
   * kept, only what was changed is written down. @throws DISK_FULL, JOURNAL_WRITE
   */
  keepAll(call: KeptCall, changes: readonly ReplacedState[]): Promise<void>;
  /** Why so many bytes of changes that happen together are not kept, for people; empty where they are. */
  whyNotKept(bytes: number): string;
}

/** A change, and what is there before it, where that has to be kept. */
export interface ReplacedState {
  readonly effect: FileEffect;
  readonly content: KeptContent | undefined;
}

export interface KeptCall {
  readonly key: string;
  readonly run: string;
  readonly job: string;
}

/** A request that was judged by its letters. */
export interface PreparedCall {
  /** Absent for what changes nothing. */
  readonly change?: Change;
  /** Absent where the owner of the run is not there to be asked, or there is no content. */
  readonly share?: ShareToAsk;
  /**
   * Does it. Throws EDGE_BUSY, DISK_FULL and FILE_CHANGED only before it has changed anything.
   * @param shown what the owner allowed: compared on what is open, before anything changes. @throws APPROVAL_CHANGED where it differs
   */
  readonly work: (emit: Emit, shown?: ApprovalEffect) => Promise<void>;
}

export interface EdgeTool {
  readonly method: DescMethod;
  /**
   * Judges the request lexically: nothing on the disk is looked at, so that a refusal tells nothing.
   * @throws AppError when it is refused
   */
  prepare(request: Message, call: ToolCallContext): PreparedCall;
}

/** What the tools are made from. */
export interface ToolParts {
  readonly allow: Allowlist;
  readonly grants: FileGrants;
  readonly ownRuns: SearchTerms;
  /** What was piped into asks. */
  readonly piped: Pick<PipedInput, 'of' | 'named' | 'holds' | 'open'>;
  readonly facts: Pick<FactBook, 'newMark'>;
  readonly limits: EdgeLimits;
  /** What files say, documents too. */
  readonly texts: FileTexts;
  readonly changes: ChangeKeeper;
  /** What runs have written themselves. */
  readonly ownTexts: OwnTexts;
  readonly clock: Clock;
  /** The journal's time in milliseconds since 1970. */
  readonly now: () => number;
  /** How commands are kept away from the home; undefined: not at all on this machine. */
  readonly isolation: CommandIsolation | undefined;
  /** Looks up the addresses of a host. */
  readonly lookUp: LookUp;
  readonly secrets: Pick<SecretBook, 'given' | 'reveal' | 'masker'>;
  /** Where what commands changed on a copy is kept, and why there is no copy here; empty when there can be. */
  readonly preview: { readonly store: Previews; readonly problem: string };
}
