// The egress gate: the only place that turns a message into something the stream may send. It copies what may leave into a
// new message, so that an unknown field or a field nobody thought of stays behind. It reads no file.
import { type DescMessage, type DescMethod, type Message, toBinary } from '@bufbuild/protobuf';
import { type ConnectRequest, ConnectRequestSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import type { Ask } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type Egress, SizeClass, type Withheld } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { WithheldWord } from '../../contract/withheld.ts';
import type { FileOrigin, LineRange } from '../files/file-origin.ts';
import type { Grants } from '../grants/grants.ts';
import { countedBytes } from '../journal/day-book.ts';
import type { DayCap } from '../journal/day-cap.ts';
import type { Masker } from '../secrets/masker.ts';
import { bytesOf, emptyOf, fieldValue, setValue } from './field-access.ts';
import { type FieldPlan, fits, planOf } from './field-plan.ts';
import { frameNames, gateFrame } from './frame-gate.ts';
import { Ledger, WithheldList } from './ledger.ts';
import { maskMessage } from './mask-message.ts';
import { dayCapHint, hintFor, type Origin, type Origins } from './origins.ts';

/** For which call a response leaves. */
export interface ResponseContext {
  readonly run: string;
  readonly job: string;
  /** Absent for what an earlier call answered: no grant for one call lets that out. */
  readonly callDigest?: string;
  /** Provider that will see it; empty when only the caller does. */
  readonly recipient: string;
  readonly origins: Origins;
  /** Journal time in milliseconds since 1970. */
  readonly at: number;
}

/** A response that may leave. */
export interface GatedResponse {
  readonly bytes: Uint8Array;
  readonly withheld: readonly Withheld[];
  readonly egress: readonly Egress[];
}

/** What judges the answers of tools. */
export interface AnswerGate {
  /** Whether what it passes leaves this box. */
  readonly leaves: boolean;
  /** Masks the secrets in a response, in place: before it is kept, and again before it is passed on. */
  mask(method: DescMethod, message: Message): void;
  /** Judges a response message by the descriptor of its method. Its ledger must be journaled before the bytes are sent. */
  response(method: DescMethod, message: Message, context: ResponseContext): GatedResponse;
  /**
   * Counts what leaves once more, with lines of its own, for a call that waits for the same answer. Undefined when the day or a grant
   * has no room for it, or a grant is for another call alone: then it may not. Else what to call when it did not leave after all.
   */
  again(lines: readonly Egress[], callDigest: string): (() => void) | undefined;
}

interface Permission {
  readonly grant: string;
  readonly recipients: readonly string[];
}

interface Walk {
  readonly context: ResponseContext;
  readonly ledger: Ledger;
  readonly withheld: WithheldList;
  /** Grants that met their cap while this message was judged: nothing more leaves under them. */
  readonly empty: Set<string>;
  /** The day has met its cap meanwhile. */
  full: boolean;
}

/** What may still leave under each grant. */
export type SpentGrants = Pick<Grants, 'covers' | 'spend' | 'spendAgain'>;

/** What may still leave today. */
export type GateDay = Pick<DayCap, 'take' | 'use'>;

export class Gate implements AnswerGate {
  readonly leaves = true;
  readonly #grants: SpentGrants;
  /** Payloads that this gate made or was told to let out. Nothing else passes as the payload of a frame. */
  readonly #made = new WeakSet<Uint8Array>();
  /** Asks that are in the journal with their ledger. */
  readonly #asks = new WeakSet<Ask>();

  readonly #day: GateDay;
  readonly #masker: () => Masker | undefined;

  /** @param masker of the secrets that are known now; undefined where there are none */
  constructor(grants: SpentGrants, day: GateDay, masker: () => Masker | undefined = () => undefined) {
    this.#grants = grants;
    this.#day = day;
    this.#masker = masker;
  }

  mask(method: DescMethod, message: Message): void {
    const masker = this.#masker();
    if (masker) maskMessage(method.output, message, masker, { bytes: true });
  }

  response(method: DescMethod, message: Message, context: ResponseContext): GatedResponse {
    this.mask(method, message);
    const walk: Walk = { context, ledger: new Ledger(), withheld: new WithheldList(), empty: new Set(), full: false };
    const passed = this.#judge(method.output, message, '', undefined, walk);
    const bytes = toBinary(method.output, passed);
    this.#made.add(bytes);
    return { bytes, withheld: walk.withheld.entries, egress: walk.ledger.lines };
  }

  again(lines: readonly Egress[], callDigest: string): (() => void) | undefined {
    const counts = [
      () => this.#day.take(countedBytes(lines)),
      ...lines
        .filter(({ grant }) => isShare(grant))
        .map((line) => () => this.#grants.spendAgain(line.grant, Number(line.bytes), callDigest)),
    ];
    const counted: (() => void)[] = [];
    const giveBack = () => {
      for (const each of counted) each();
    };
    for (const count of counts) {
      const back = count();
      if (!back) {
        giveBack();
        return undefined;
      }
      counted.push(back);
    }
    return giveBack;
  }

  /** Lets the text of an ask pass. Called with the message that is sent, after its record is in the journal. */
  admitAsk(ask: Ask): void {
    this.#asks.add(ask);
  }

  /** Lets a note for a paired key pass: sealed for it, with its line in the ledger, or of a pairing, which tells nothing of files. */
  admitNote(body: Uint8Array): void {
    this.#made.add(body);
  }

  /** A frame as it may be sent: a copy without unknown fields, without content that no grant lets out. */
  frame(frame: ConnectRequest): ConnectRequest {
    const passed = gateFrame(ConnectRequestSchema, frame, {
      payload: (bytes) => this.#made.has(bytes),
      ask: (ask) => this.#asks.has(ask),
    }) as ConnectRequest;
    const masker = this.#masker();
    if (masker) maskMessage(ConnectRequestSchema, passed, masker, { bytes: false });
    return passed;
  }

  /**
   * Ledger lines of the names in a frame that no other record holds: Hello and Manifest. Journaled as a LedgerRecord before
   * the frame is sent.
   */
  names(frame: ConnectRequest, at: number): Egress[] {
    return frameNames(ConnectRequestSchema, frame, at);
  }

  #judge(desc: DescMessage, message: Message, path: string, outer: Origin | undefined, walk: Walk): Message {
    const passed = emptyOf(desc);
    const origin = walk.context.origins.get(message);
    for (const plan of planOf(desc)) {
      const value = fieldValue(message, plan.field);
      const at = path === '' ? plan.field.name : `${path}.${plan.field.name}`;
      if (plan.action === 'content') {
        if (this.#content(plan, at, message, value, origin, walk)) setValue(passed, plan.field, value);
        continue;
      }
      if (value === undefined) continue;
      const allowed = this.#plain(plan, at, value, origin ?? outer, walk);
      if (allowed !== undefined) setValue(passed, plan.field, allowed);
    }
    return passed;
  }

  /** Everything but content: the value that may leave, or undefined. */
  #plain(plan: FieldPlan, at: string, value: unknown, origin: Origin | undefined, walk: Walk): unknown {
    const { field } = plan;
    switch (plan.action) {
      case 'pass':
        return value;
      case 'walk': {
        const desc = field.message as DescMessage;
        if (Array.isArray(value)) return value.map((item) => this.#judge(desc, item, at, origin, walk));
        return this.#judge(desc, value as Message, at, origin, walk);
      }
      case 'text':
        if (fits(value, plan.maxLen)) return value;
        withhold(walk, plan, at, origin, 'NO_GRANT');
        return undefined;
      case 'name':
        this.#enter(walk, at, origin, Sensitivity.NAME, bytesOf(field, value), { grant: '', recipients: [] });
        return value;
      default:
        return undefined;
    }
  }

  /**
   * Content leaves under the grant of its own origin only. What stays is listed whether or not there is a value, so that the
   * list tells nothing of it.
   */
  #content(
    plan: FieldPlan,
    at: string,
    message: Message,
    value: unknown,
    origin: Origin | undefined,
    walk: Walk,
  ): boolean {
    const { field } = plan;
    if (field.oneof && value === undefined) return false;
    const verdict = this.#permit(field.name, message, origin, walk);
    const marked = walk.context.origins.isMarked(message);
    if (typeof verdict === 'string') {
      if (!marked) withhold(walk, plan, at, origin, verdict);
      return false;
    }
    if (value === undefined) return false;
    const bytes = bytesOf(field, value);
    const stays = this.#spend(verdict.grant, bytes, walk);
    if (stays) {
      const hint = stays === 'DAY_CAP' ? dayCapHint(bytes, this.#day.use.limit) : hintFor(origin);
      if (!marked) withhold(walk, plan, at, origin, stays, hint);
      return false;
    }
    this.#enter(walk, at, origin, Sensitivity.CONTENT, bytes, verdict);
    return true;
  }

  /** Counts bytes under their grant and for the day; why they may not leave, or undefined. Once a cap is met nothing small slips past it. */
  #spend(grant: string, bytes: number, walk: Walk): 'CAP' | 'DAY_CAP' | undefined {
    if (walk.empty.has(grant)) return 'CAP';
    const giveBack = walk.full ? undefined : this.#day.take(bytes);
    walk.full = !giveBack;
    if (!giveBack) return 'DAY_CAP';
    if (!isShare(grant) || this.#grants.spend(grant, bytes)) return undefined;
    giveBack();
    walk.empty.add(grant);
    return 'CAP';
  }

  /** The grant that covers a field, or why none does. */
  #permit(field: string, message: Message, origin: Origin | undefined, walk: Walk): Permission | WithheldWord {
    if (!origin) return 'NO_GRANT';
    if (origin.kind === 'command' || origin.kind === 'host')
      return origin.grant ? { grant: origin.grant, recipients: [] } : 'NO_GRANT';
    if (origin.kind === 'many') {
      if (origin.more || origin.files.length === 0) return 'NO_GRANT';
      const all = origin.files.map((file) => this.#permitFile(field, file, walk));
      return all.find((verdict) => typeof verdict === 'string') ?? all[0] ?? 'NO_GRANT';
    }
    if (!namesFile(message, origin)) return 'NO_GRANT';
    return this.#permitFile(field, origin, walk);
  }

  #permitFile(field: string, origin: FileOrigin, { context }: Walk): Permission | WithheldWord {
    const { run, callDigest, recipient } = context;
    const cover = this.#grants.covers({ ...origin, run, recipient, ...(callDigest && { callDigest }) });
    if (typeof cover === 'string') return cover;
    if (cover.lines !== undefined) {
      if (!origin.lines || origin.whole?.includes(field)) return 'RANGE';
      if (!cover.lines.some((range) => within(origin.lines!, range))) return 'RANGE';
    }
    return { grant: cover.grant, recipients: cover.recipients };
  }

  #enter(
    walk: Walk,
    field: string,
    origin: Origin | undefined,
    sensitivity: Sensitivity,
    bytes: number,
    by: Permission,
  ): void {
    const { run, job, at, recipient } = walk.context;
    const recipients = [recipient === '' ? 'control' : recipient];
    // Names stand for themselves; one line for each would repeat the answer.
    const path = sensitivity === Sensitivity.NAME ? '' : (origin?.name ?? '');
    walk.ledger.add({ run, job, at, recipients }, { path, field, sensitivity, bytes, grant: by.grant });
  }
}

/** A name stands under no grant, and an entry of the configuration has no end. Lines that stand for several shares are none of one. */
const isShare = (grant: string): boolean => grant !== '' && !grant.startsWith('config:');

const within = (inner: LineRange, outer: LineRange): boolean => inner.start >= outer.start && inner.end <= outer.end;

/** A message that names a file must name the file that it is said to come from. */
function namesFile(message: Message, origin: FileOrigin): boolean {
  const own = message as Message & { path?: unknown; file?: { path?: unknown } };
  if (typeof own.path === 'string' && own.path !== '') return own.path === origin.name;
  const path = own.file?.path;
  return typeof path !== 'string' || path === origin.name;
}

function withhold(
  walk: Walk,
  plan: FieldPlan,
  field: string,
  origin: Origin | undefined,
  why: WithheldWord,
  hint = hintFor(origin),
): void {
  const name = origin?.name ?? '';
  const size = plan.wordy && origin?.kind === 'file' ? origin.sizeClass : SizeClass.UNSPECIFIED;
  walk.withheld.add({ field, size, why, name, hint }, plan.wordy);
}
