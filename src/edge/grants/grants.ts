// Share grants: minted here, held in memory, ended here. The time of one begins when its ask is sent, when the owner gives it for the rest of
// a run, or when the one call that it is for tells something under it. After a restart there are those of asks that wait unsent, of what
// was piped into open asks, and those that the owner gave when a call asked. It never reads a file.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  GrantEndReason,
  type GrantedFile,
  GrantedFileSchema,
  type GrantMinted,
  GrantMintedSchema,
} from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { type ShareGrant, ShareGrantSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { causeText } from '../../base/cause-text.ts';
import type { Clock } from '../../base/clock.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { LineRange } from '../files/file-origin.ts';
import type { ValuesSeen } from '../files/value-mask.ts';
import type { RecordInit } from '../journal/records.ts';
import { type EarlyEnd, EndedShares, isEarly } from './ended-shares.ts';
import { GrantTime } from './grant-time.ts';

/** Why something is not covered; a reason code of `Withheld`. */
export type WhyNot = 'NO_GRANT' | 'RANGE' | 'RECIPIENT' | 'CHANGED' | EarlyEnd;

/** Why a grant ended. */
export type GrantEnd = Exclude<keyof typeof GrantEndReason, 'UNSPECIFIED'>;

/** A file as it is now, and for whom it would leave. */
export interface CoverQuery {
  readonly run: string;
  /** The call that it is read for; without one no grant for one call covers it. */
  readonly callDigest?: string;
  /** Provider that will see it; empty when only the caller of the run does. */
  readonly recipient: string;
  readonly realPath: string;
  readonly device: bigint;
  readonly inode: bigint;
  /** SHA-256 of the content that would leave; undefined covers nothing. */
  readonly sha256: Uint8Array | undefined;
}

/** Which file stands at a path now. */
export type FileNow = Pick<GrantedFile, 'device' | 'inode' | 'sha256' | 'bytes'>;

/** What a grant allows of a file. */
export interface Cover {
  readonly grant: string;
  readonly recipients: readonly string[];
  /** Undefined: the whole file. */
  readonly lines: readonly LineRange[] | undefined;
  /** Most bytes of its text that one answer may tell; absent where only the grant has a bound. */
  readonly bytes?: number;
  /** Whether the secrets in it may leave, too. */
  readonly secrets: boolean;
}

/** How what a grant covers is seen; where none does, as little as with one. */
export const valuesIn = (cover: Pick<Cover, 'secrets'> | WhyNot): ValuesSeen =>
  typeof cover !== 'string' && cover.secrets ? 'meant' : 'masked';

/** A grant as the owner sees it. */
export interface LiveGrant {
  readonly id: string;
  readonly run: string;
  readonly files: readonly GrantedFile[];
  readonly recipients: readonly string[];
  readonly capBytes: number;
  readonly usedBytes: number;
  /** Milliseconds since 1970, at the latest; undefined while its ask was not sent. */
  readonly expiresAt: number | undefined;
}

interface Held {
  readonly id: string;
  readonly run: string;
  /** The one call that it is for, by its digest; empty: all of the run. */
  readonly callDigest: string;
  files: readonly GrantedFile[];
  readonly recipients: readonly string[];
  readonly capBytes: number;
  used: number;
  /** Until it begins it waits for its ask or for its call. */
  readonly time: GrantTime;
}

export interface GrantsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the end of a grant is written. */
  readonly journal: { append(records: readonly RecordInit[]): Promise<number> };
  /** Longest life in milliseconds; default and maximum 15 minutes. */
  readonly lifeMs?: number;
}

const LIFE_MS = 15 * 60_000;
/** How long after the yes one for a single call waits for that call, which an edge that was away has to be sent again. */
const CALL_WAIT_MS = 24 * 3_600_000;
/** Grants at once; each belongs to an ask that waits for its answer. */
const MAX_GRANTS = 1024;
/** What runs on the owner's machines by its name. */
const ALWAYS_LOCAL = ['rules', 'local'];

export class Grants {
  /** See FileGrants. */
  readonly byContent = true;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #journal: GrantsOptions['journal'];
  readonly #lifeMs: number;
  readonly #held = new Map<string, Held>();
  readonly #ended = new EndedShares();
  readonly #local = new Set(ALWAYS_LOCAL);

  constructor(options: GrantsOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#journal = options.journal;
    this.#lifeMs = Math.min(options.lifeMs ?? LIFE_MS, LIFE_MS);
  }

  /**
   * A new grant, in force at once; its time begins with `sent`. The caller journals it in the ask's own record before anything is sent, and ends it when
   * that fails.
   * @param share.recipients providers; `local` any on the owner's machines, `any` any
   * @param share.capBytes most bytes that may leave under it
   */
  mintShare(share: {
    readonly run: string;
    readonly files: readonly GrantedFile[];
    readonly recipients: readonly string[];
    readonly capBytes: number;
  }): GrantMinted {
    if (this.#held.size >= MAX_GRANTS) {
      throw fixedLimit('the number of shares', MAX_GRANTS, 'wait until some asks are answered');
    }
    const minted = this.drafted({ ...share, job: '', callSha256: NO_CALL, approval: '' });
    this.#hold({ id: minted.id, ...share, callDigest: '', used: 0 });
    return minted;
  }

  /** The record of a new grant, which is in force when that is journaled and `revive` was told. @param share.job,share.callSha256 empty: the whole run */
  drafted(share: {
    readonly run: string;
    readonly job: string;
    readonly callSha256: Uint8Array;
    readonly approval: string;
    readonly files: readonly GrantedFile[];
    readonly recipients: readonly string[];
    readonly capBytes: number;
  }): GrantMinted {
    return create(GrantMintedSchema, {
      ...share,
      id: newId(),
      files: [...share.files],
      recipients: [...share.recipients],
      capBytes: BigInt(share.capBytes),
      expireTime: timestampFromMs(this.#clock.now() + this.#lifeMs),
    });
  }

  /**
   * Puts a grant that is journaled in force, for the files as they were frozen and for what is left of its bytes. Where its ask still
   * waits unsent, or its call has not had its answer, its time has not begun; else it has what is left of it. False when that is over.
   * @param of.used bytes that have left under it
   */
  revive(
    { id, run, job, callSha256, files, recipients, capBytes, expireTime }: GrantMinted,
    of: { readonly used: number; readonly waits: boolean },
  ): boolean {
    // Without its call it is for none.
    if (job !== '' && callSha256.length === 0) return false;
    const callDigest = Buffer.from(callSha256).toString('hex');
    const expiresAt = expireTime ? timestampMs(expireTime) : 0;
    const left = expiresAt - this.#clock.now();
    const ofCall = of.waits && callDigest !== '';
    // What was asked offline waits for its ask without end.
    const most = ofCall ? left - this.#lifeMs + CALL_WAIT_MS : left;
    if ((most <= 0 && (ofCall || !of.waits)) || this.#held.size >= MAX_GRANTS) return false;
    const held = this.#hold({ id, run, callDigest, files, recipients, capBytes: Number(capBytes), used: of.used });
    // The time may have been set back since.
    if (ofCall) held.time.endWithin(Math.min(most, CALL_WAIT_MS));
    else if (!of.waits) held.time.begin(Math.min(most, this.#lifeMs));
    return true;
  }

  /** The ask of a run leaves the box: from now on its shares have their time. The first word counts. */
  sent(run: string): void {
    for (const { run: of, callDigest, time } of this.#held.values())
      if (of === run && callDigest === '') time.begin(this.#lifeMs);
  }

  #hold(grant: Omit<Held, 'time'>): Held {
    const held = { ...grant, time: new GrantTime(this.#clock, () => this.end(grant.id, 'EXPIRED')) };
    this.#held.set(grant.id, held);
    return held;
  }

  /** Tells whether a provider runs on the owner's machines, as the session learns it; the last word counts. `rules` always does. */
  knowLocal(provider: string, local = true): void {
    if (provider === '' || ALWAYS_LOCAL.includes(provider)) return;
    if (!local) this.#local.delete(provider);
    else if (this.#local.size < 64) this.#local.add(provider);
  }

  /** Whether it is known to run on the owner's machines. */
  isLocal(provider: string): boolean {
    return this.#local.has(provider);
  }

  /** Whether a grant of the run is for the file at this real path, whatever it holds now and by whatever name it was opened. */
  names(run: string, realPath: string, callDigest?: string): boolean {
    return this.#for({ run, callDigest }).some(({ files }) => files.some((file) => file.realPath === realPath));
  }

  /** Whether the run has any grant. */
  any(run: string): boolean {
    return this.#of(run).length > 0;
  }

  /** What the run's grants allow of exactly this file, or why they do not. */
  covers(query: CoverQuery): Cover | WhyNot {
    let why: WhyNot = 'NO_GRANT';
    let part: Cover | undefined;
    for (const grant of this.#for(query)) {
      const files = grant.files.filter((file) => file.realPath === query.realPath);
      if (files.length === 0) continue;
      const same = files.filter((file) => isSame(file, query));
      if (query.sha256 === undefined) continue;
      if (same.length === 0) why = 'CHANGED';
      else if (!this.#reaches(grant, query.recipient)) why = 'RECIPIENT';
      else {
        const secrets = same.some(({ withSecrets }) => withSecrets);
        const most = grant.callDigest === '' ? {} : { bytes: bytesOf(same) };
        const cover = { grant: grant.id, recipients: grant.recipients, secrets, ...most };
        if (same.some((file) => file.startLine === 0 && file.endLine === 0)) return { ...cover, lines: undefined };
        const lines = same.map(({ startLine, endLine }) => ({ start: startLine || 1, end: endLine || 0xffffffff }));
        part ??= { ...cover, lines };
      }
    }
    return part ?? (why === 'NO_GRANT' ? (this.#ended.of(query.run, query.realPath) ?? why) : why);
  }

  /**
   * The run itself changed a file, as it was allowed to. What was shared whole stays shared: nothing is in it now but that and the run's
   * own words. Shared lines are other lines now, so they are not.
   * @param hidesAll whether each value that was masked before is masked in it now
   */
  followChange(run: string, realPath: string, from: Uint8Array | undefined, to: FileNow, hidesAll: boolean): void {
    const isIt = (file: GrantedFile) =>
      file.realPath === realPath &&
      file.startLine === 0 &&
      file.endLine === 0 &&
      (file.withSecrets || hidesAll) &&
      from !== undefined &&
      Buffer.compare(file.sha256, from) === 0;
    for (const grant of this.#of(run))
      if (grant.files.some(isIt))
        grant.files = grant.files.map((file) => (isIt(file) ? create(GrantedFileSchema, { ...file, ...to }) : file));
  }

  /** Counts bytes that are about to leave. False when they do not fit: then nothing may leave, and the grant ends. */
  spend(id: string, bytes: number): boolean {
    const grant = this.#held.get(id);
    if (!grant || grant.time.isOver) return false;
    if (grant.used + bytes > grant.capBytes) {
      this.end(id, 'CAP');
      return false;
    }
    grant.time.begin(this.#lifeMs);
    grant.used += bytes;
    return true;
  }

  /**
   * Counts bytes that are about to leave once more, for another call that waits for the same answer. Undefined when they do not fit, or
   * the grant is for one call and not for that: then they may not leave, and nothing is counted. Else what to call when they stayed.
   */
  spendAgain(id: string, bytes: number, callDigest: string): (() => void) | undefined {
    const grant = this.#held.get(id);
    if (!grant || grant.time.isOver || !isFor(grant, callDigest) || grant.used + bytes > grant.capBytes)
      return undefined;
    grant.used += bytes;
    return () => {
      grant.used -= bytes;
    };
  }

  /** Ends one grant. No effect when it has ended. */
  end(id: string, why: GrantEnd): void {
    const grant = this.#held.get(id);
    if (!grant) return;
    this.#held.delete(id);
    grant.time.stop();
    if (isEarly(why)) this.#ended.add(grant, why);
    this.#write([id], why);
  }

  /** Ends all grants of a run: at its final answer, or when its owner cancels it. */
  endRun(run: string, why: GrantEnd): void {
    for (const grant of this.#of(run)) this.end(grant.id, why);
    this.#ended.endRun(run);
  }

  /** Ends all grants. */
  endAll(why: GrantEnd): void {
    for (const id of [...this.#held.keys()]) this.end(id, why);
  }

  /** Writes down that grants of an earlier start have ended with it. @param open those of runs that go on; what is in force stays */
  endEarlier(ids: readonly string[], open: readonly GrantMinted[]): void {
    for (const grant of open) if (!this.#held.has(grant.id)) this.#ended.add(grant, 'RESTARTED');
    if (ids.length > 0) this.#write(ids, 'RESTARTED');
  }

  list(): LiveGrant[] {
    return [...this.#held.values()].map(({ used: usedBytes, time: { expiresAt }, callDigest: _, ...grant }) => ({
      ...grant,
      usedBytes,
      expiresAt,
    }));
  }

  #of(run: string): Held[] {
    const all = [...this.#held.values()].filter((grant) => grant.run === run);
    for (const grant of all) if (grant.time.isOver) this.end(grant.id, 'EXPIRED');
    return all.filter(({ id }) => this.#held.has(id));
  }

  /** Those that hold for a call; without one those of the whole run. */
  #for({ run, callDigest }: { readonly run: string; readonly callDigest?: string | undefined }): Held[] {
    return this.#of(run).filter((grant) => isFor(grant, callDigest));
  }

  /** Who did not say who will read it is nobody that anything was granted to. */
  #reaches({ recipients }: Held, recipient: string): boolean {
    if (recipients.includes('any')) return true;
    if (recipient === '') return false;
    return recipients.includes(recipient) || (recipients.includes('local') && this.#local.has(recipient));
  }

  #write(ids: readonly string[], why: GrantEnd): void {
    const records = ids.map((id): RecordInit => ({ case: 'grantEnded', value: { id, why: GrantEndReason[why] } }));
    this.#journal.append(records).catch((error: unknown) => {
      this.#log.warn('the end of a grant could not be journaled; it has ended all the same', {
        why,
        problem: causeText(error),
      });
    });
  }
}

const NO_CALL = new Uint8Array();

const isFor = (grant: Held, callDigest: string | undefined): boolean =>
  grant.callDigest === '' || grant.callDigest === callDigest;

const bytesOf = (files: readonly GrantedFile[]): number => files.reduce((sum, { bytes }) => sum + Number(bytes), 0);

function isSame(file: GrantedFile, query: CoverQuery): boolean {
  const { sha256 } = query;
  return (
    sha256 !== undefined &&
    file.device === query.device &&
    file.inode === query.inode &&
    file.sha256.length === 32 &&
    Buffer.compare(file.sha256, sha256) === 0
  );
}

/** A grant as the control plane is told of it: names and ranges, no hashes. */
export function shareGrantOf(minted: GrantMinted): ShareGrant {
  return create(ShareGrantSchema, {
    id: minted.id,
    files: minted.files.map(({ path, startLine, endLine }) => ({ path, startLine, endLine })),
    recipients: minted.recipients,
  });
}
