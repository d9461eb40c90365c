// One connected device: what may be asked of it and told to it. It writes to its stream and nowhere else.
import { randomBytes } from 'node:crypto';
import { create, equals, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Condition, type ModelInfo, ModelInfoSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  ConditionsSchema,
  type OpenToolCall,
  type SignedTime,
  type SupersededSchema,
  SupersedeReason,
  type ToolCall,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { Manifest } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { signTime } from '../../contract/signed-time.ts';
import { signToolCall, type ToolCallSigner } from '../../contract/tool-call.ts';
import type { DeviceSession } from '../dispatch/session-ports.ts';
import type { DevicePrincipal } from '../identity/principal.ts';
import type { EdgeBody } from './edge-follows.ts';
import type { PeerQueue } from './peer-queue.ts';
import { declarationOf } from './shared-capabilities.ts';

export interface LiveEdgeParts {
  readonly principal: DevicePrincipal;
  readonly epoch: number;
  readonly out: PeerQueue<EdgeBody>;
  readonly signer: ToolCallSigner;
  readonly openCalls: readonly OpenToolCall[];
  /** Of the edge's process. */
  readonly bootId: string;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Keeps the anchor of its journal; resolves false when the session is over. */
  readonly anchor: (sequence: number, head: Uint8Array) => Promise<boolean>;
  /** Largest frame of the control plane; the device may take less. */
  readonly maxFrameBytes: number;
  /** Looks whether the session still stands, and ends it if not. */
  readonly doubt: (edge: LiveEdge) => void;
  /** The model that would answer now. */
  readonly model: () => ModelInfo | undefined;
  /** What stands in the way of answers. */
  readonly conditions: () => Condition[];
}

/** Room in a frame around a signed call. */
const ENVELOPE = 1024;
/** A clock that moved by less was not set: it drifted. */
const SET_MS = 2_000;
/** Nobody would answer. */
const NO_MODEL = create(ModelInfoSchema);

export class LiveEdge implements DeviceSession {
  readonly tenant: string;
  readonly device: string;
  readonly deviceName: string;
  readonly epoch: number;
  readonly bootId: string;
  readonly openCalls: readonly OpenToolCall[];
  readonly connectedAt: number;
  readonly nonce = randomBytes(16);
  readonly #out: PeerQueue<EdgeBody>;
  readonly #signer: ToolCallSigner;
  readonly #maxFrameBytes: number;
  readonly #doubt: (edge: LiveEdge) => void;
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Between the clock and the monotonic one when the time was told last. */
  #offset: number;
  /** Before an outcome is acknowledged: its place in the journal is the anchor then. False: it must come again. */
  readonly acknowledges: (sequence: number, head: Uint8Array) => Promise<boolean>;
  #manifest: Manifest | undefined;
  #methods: ReadonlySet<string> = new Set();
  readonly #model: () => ModelInfo | undefined;
  readonly #conditions: () => Condition[];
  #toldConditions = create(ConditionsSchema);
  /** What it was told last; nothing before Welcome. */
  #toldModel: ModelInfo | undefined;
  lastSeen: number;
  saidGoodbye = false;

  constructor({
    principal,
    epoch,
    out,
    signer,
    openCalls,
    bootId,
    clock,
    anchor,
    maxFrameBytes,
    doubt,
    model,
    conditions,
  }: LiveEdgeParts) {
    this.tenant = principal.tenant;
    this.device = principal.id;
    this.deviceName = principal.name;
    this.epoch = epoch;
    this.bootId = bootId;
    this.openCalls = openCalls;
    this.connectedAt = clock.now();
    this.lastSeen = this.connectedAt;
    this.acknowledges = anchor;
    this.#clock = clock;
    this.#offset = this.#offsetNow();
    this.#out = out;
    this.#signer = signer;
    this.#maxFrameBytes = maxFrameBytes;
    this.#doubt = doubt;
    this.#model = model;
    this.#conditions = conditions;
  }

  get manifest(): Manifest | undefined {
    return this.#manifest;
  }

  set manifest(manifest: Manifest | undefined) {
    const declared = manifest && declarationOf(manifest);
    if (manifest && declared) manifest.capabilities = declared.capabilities;
    this.#manifest = manifest;
    this.#methods = declared?.methods ?? new Set();
  }

  /** Bytes of the largest frame that both sides take. */
  get maxFrameBytes(): number {
    const theirs = this.#manifest?.limits?.maxFrameBytes ?? 0;
    return theirs > 0 ? Math.min(theirs, this.#maxFrameBytes) : this.#maxFrameBytes;
  }

  serves(method: string): boolean {
    const slash = method.indexOf('/');
    const service = method.slice(0, slash);
    return this.#methods.has(`${service.slice(0, service.lastIndexOf('.'))}${method.slice(slash)}`);
  }

  call(call: ToolCall): void {
    this.tellTime();
    call.sessionNonce = this.nonce;
    const value = signToolCall(call, this.#signer);
    const limit = this.maxFrameBytes;
    if (value.signed.length + ENVELOPE > limit) {
      throw new AppError('LIMIT_EXCEEDED', {
        what: 'the request for this device',
        limit: `${limit} bytes of one frame`,
        setting: 'limits.frame_bytes in the config.yaml of the device',
      });
    }
    this.#out.send({ case: 'toolCall', value }, value.signed.length);
  }

  /** Its time, signed for this session. */
  signedTime(): SignedTime {
    this.#offset = this.#offsetNow();
    return signTime(
      { device: this.device, bootId: this.bootId, sessionNonce: this.nonce },
      this.#clock.now(),
      this.#signer,
    );
  }

  /** Tells the time again when the clock here was set since: the edge judges calls by what it was told. */
  tellTime(): void {
    if (Math.abs(this.#offsetNow() - this.#offset) < SET_MS) return;
    this.#out.offer({ case: 'signedTime', value: this.signedTime() });
  }

  /** The model that would answer now, for Welcome; empty provider when there is none. */
  modelForWelcome(): ModelInfo {
    this.#toldModel = this.#model() ?? NO_MODEL;
    return this.#toldModel;
  }

  /** Tells the model that would answer when it is another than it was told. What comes before Welcome stands in that. */
  tellModel(): void {
    if (!this.#toldModel) return;
    const value = this.#model() ?? NO_MODEL;
    if (equals(ModelInfoSchema, value, this.#toldModel)) return;
    if (this.#out.offer({ case: 'model', value })) this.#toldModel = value;
  }

  /** Tells what stands in the way of answers when it is other than it was told. */
  tellConditions(): void {
    if (!this.#toldModel) return;
    const value = create(ConditionsSchema, { conditions: this.#conditions() });
    if (equals(ConditionsSchema, value, this.#toldConditions)) return;
    if (this.#out.offer({ case: 'conditions', value })) this.#toldConditions = value;
  }

  #offsetNow(): number {
    return this.#clock.now() - this.#clock.monotonic();
  }

  cancel(job: string, epoch: number): void {
    this.#out.offer({ case: 'cancelTool', value: { job, epoch: BigInt(epoch) } });
  }

  committed(job: string, epoch: number, idempotencyKey: string): void {
    this.#out.offer({ case: 'toolResultCommitted', value: { job, epoch: BigInt(epoch), idempotencyKey } });
  }

  doubt(): void {
    this.#doubt(this);
  }

  /** Another session of this device took over: terminal for this one, and for its edge unless that session is its own, too. */
  supersede(epoch: number, bootId: string): void {
    this.#replaced({ sessionEpoch: BigInt(epoch), reason: SupersedeReason.SUPERSEDED, bootId });
  }

  /** Its journal does not fit: terminal for its edge. */
  quarantine(epoch: number): void {
    this.#replaced({ sessionEpoch: BigInt(epoch), reason: SupersedeReason.QUARANTINED });
  }

  /** Asks the edge to connect elsewhere. */
  drain(deadlineMs: number): void {
    this.#out.offer({ case: 'drain', value: { timeout: durationFromMs(deadlineMs) } });
  }

  end(error?: AppError): void {
    this.#out.end(error);
  }

  #replaced(value: MessageInitShape<typeof SupersededSchema>): void {
    this.#out.offer({ case: 'superseded', value });
    this.#out.end();
  }
}
