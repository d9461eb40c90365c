// What an owner and a disk know by themselves of calls that were asked about: it takes no word of the box for what is permitted, and
// says what does not hold.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type Approval,
  ApprovalScope,
  ApprovalState,
  type Effect,
  EffectSchema,
} from '../../gen/bowline/approval/v1/approval_pb.ts';
import { WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';

export type Confirm = 'never' | 'first' | 'always';

/** config.yaml of one start: how each entry is asked about; absent: it is not allowed. */
export type Entries = ReadonlyMap<string, Confirm>;

/** A call as the control plane sends it; its text is of no other call. */
export interface SentCall {
  readonly run: string;
  readonly job: string;
  readonly key: string;
  /** What it names: `a.txt`, or `command`. */
  readonly target: string;
  readonly mode: WriteMode;
  readonly text: string;
  /** Foreign bytes were read, or the control plane wants it asked for. */
  readonly strict: boolean;
}

export interface OwnerAnswer {
  readonly ids: readonly string[];
  readonly allow: boolean;
  readonly scope: ApprovalScope;
  readonly at: number;
  /** `maybe`: the process ended before it told. */
  state: 'sent' | 'acked' | 'refused' | 'maybe';
  /** With a lasting grant for calls like the one that was shown. */
  readonly grant?: LastingGrant;
}

export interface LastingGrant {
  readonly uses: number;
  readonly until: number;
  used: number;
  revoked: boolean;
}

export type Disk = ReadonlyMap<string, string>;

const MOST_PENDING = 3;
const COMMAND_FILE = 'ran.txt';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const effectHex = (effect: Effect): string => hex(toBinary(EffectSchema, effect));
/** What sort of change it is, of which file. */
const kindOf = ({ effect }: Effect): string =>
  effect.case === 'file' ? `${effect.value.action} ${effect.value.path}` : String(effect.case);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export class ApprovalTruth {
  /** What does not hold. */
  readonly wrong: string[] = [];
  readonly answers: OwnerAnswer[] = [];
  disk: Disk = new Map();
  entries: Entries = new Map();
  now = 0;
  /** What came to pass, to see that a test is about something. */
  readonly seen = { asked: 0, done: 0, changed: 0, covered: 0, granted: 0 };
  readonly #calls = new Map<string, SentCall>();
  readonly #shows = new Map<string, SentCall>();
  readonly #asked = new Map<string, { readonly call: SentCall; readonly first: Approval; state: ApprovalState }>();
  #waited: ReadonlySet<string> = new Set();
  readonly #used = new Set<string>();
  readonly #done = new Set<string>();
  /** Runs that may ask no more, from the step after on. */
  readonly #silent = new Set<string>();
  readonly #ending = new Set<string>();
  /** Keys and runs that were cancelled while nothing else happened. */
  readonly #cancelled = new Set<string>();
  readonly #overRuns = new Set<string>();

  sent(call: SentCall): void {
    this.#calls.set(call.text, call);
  }

  call(text: string): SentCall | undefined {
    return this.#calls.get(text);
  }

  /** The box worked out what a call would do. */
  shown(text: string, effect: Effect): void {
    const call = this.#calls.get(text);
    if (call) this.#shows.set(effectHex(effect), call);
  }

  /** As the owner is told. */
  told(approval: Approval): void {
    const { id, state } = approval;
    const known = this.#asked.get(id);
    if (known) {
      const bare = ({ run, job, digest, entry, expireTime }: Approval) => ({
        run,
        job,
        digest: hex(digest),
        entry,
        at: timestampMs(expireTime!),
      });
      if (!isDeepStrictEqual(bare(known.first), bare(approval))) this.#complain(`${id} became another question`);
      const done = known.state !== ApprovalState.PENDING && known.state !== ApprovalState.ALLOWED;
      if (done && state !== known.state) this.#complain(`${id} was ${known.state} and is ${state}`);
      known.state = state;
      return;
    }
    if (!approval.effect) return;
    const call = this.#shows.get(effectHex(approval.effect));
    if (!call) {
      this.#complain(`${id} shows what no call would do`);
      return;
    }
    this.#asks(call, approval);
  }

  #asks(call: SentCall, approval: Approval): void {
    this.seen.asked++;
    const { id, run, job } = approval;
    if (run !== call.run || job !== call.job) this.#complain(`${id} is asked for ${job} and shows ${call.job}`);
    for (const other of this.#asked.values()) {
      if (other.call.key === call.key && other.state !== ApprovalState.CHANGED)
        this.#complain(`${call.key} is asked about again, after state ${other.state}`);
    }
    this.#asked.set(id, { call, first: approval, state: approval.state });
    const pending = [...this.#asked.values()].filter(
      ({ first, state }) => first.run === run && state === ApprovalState.PENDING,
    );
    if (pending.length > MOST_PENDING) this.#complain(`${pending.length} wait of ${run}`);
    if (this.#silent.has(run)) this.#complain(`${run} asks after two denials`);
    if (this.#overRuns.has(run)) this.#complain(`${run} asks after its end`);
  }

  #denials(run: string): number {
    const no = this.answers.filter(({ allow, state }) => !allow && state === 'acked').flatMap(({ ids }) => ids);
    return new Set(no.filter((id) => this.#asked.get(id)?.call.run === run)).size;
  }

  cancelled(key: string): void {
    this.#cancelled.add(key);
  }

  runOver(run: string): void {
    this.#ending.add(run);
  }

  /** All that was begun has ended, or waits. */
  stands(): void {
    for (const run of this.#ending) this.#overRuns.add(run);
    for (const { call, state } of this.#asked.values()) {
      if (this.#denials(call.run) >= 2) this.#silent.add(call.run);
      if (this.#silent.has(call.run) && state === ApprovalState.PENDING)
        this.#complain(`${call.key} waits after two denials`);
    }
  }

  /** Those that the owner was ever asked. */
  get ids(): string[] {
    return [...this.#asked.keys()];
  }

  /** The box must still have these, byte for byte. @param excused those that end meanwhile */
  kept(pending: readonly Approval[], excused: ReadonlySet<string>): void {
    const there = new Map(pending.map((one) => [one.id, one]));
    for (const id of this.#waited) {
      const { first, call } = this.#asked.get(id)!;
      const now = there.get(id);
      const answered = this.answers.some((one) => one.state !== 'refused' && this.#covers(one, id));
      if (!now && !answered && !excused.has(call.key)) this.#complain(`${id} waited and is lost`);
      if (now && (effectHex(now.effect!) !== effectHex(first.effect!) || hex(now.digest) !== hex(first.digest)))
        this.#complain(`${id} shows something else`);
    }
    this.#waited = new Set(there.keys());
  }

  /** An answer was taken. */
  acked(answer: OwnerAnswer): void {
    answer.state = 'acked';
    for (const id of answer.ids) {
      const asked = this.#asked.get(id);
      if (!asked) this.#complain(`an answer to ${id}, which was never asked, was taken`);
      else if (answer.at >= timestampMs(asked.first.expireTime!) && !this.#before(answer, id))
        this.#complain(`an answer to ${id} was taken after its time`);
    }
  }

  #before(answer: OwnerAnswer, id: string): boolean {
    return this.answers.some(
      (other) =>
        other !== answer && other.ids.includes(id) && other.state !== 'refused' && other.allow === answer.allow,
    );
  }

  refused(answer: OwnerAnswer, used = answer.ids.some((id) => this.#used.has(id))): void {
    answer.state = 'refused';
    if (used && !answer.ids.every((id) => this.#allowed(id))) this.#complain('a refused answer was used');
  }

  #allowed(id: string): boolean {
    return this.answers.some((one) => one.allow && one.state !== 'refused' && this.#covers(one, id));
  }

  /** Whether the answer is for this one, or for the rest of its run and entry. */
  #covers({ ids, scope, allow }: OwnerAnswer, id: string): boolean {
    if (ids.includes(id)) return true;
    const asked = this.#asked.get(id);
    if (!asked || !allow || scope !== ApprovalScope.RUN || asked.call.strict) return false;
    return ids.some((other) => {
      const named = this.#asked.get(other)?.call;
      return named?.run === asked.call.run && named.target === asked.call.target;
    });
  }

  /** A tool begins its work. */
  begins(text: string, shown: Effect | undefined): void {
    const call = this.#calls.get(text);
    if (!call) {
      this.#complain(`work without a call: ${text}`);
      return;
    }
    const { key, run, target } = call;
    const confirm = this.entries.get(target);
    if (!confirm) this.#complain(`${key} works without an entry`);
    if (this.#done.has(key)) this.#complain(`${key} works again after it was done`);
    if (this.#cancelled.has(key)) this.#complain(`${key} works after its cancel`);
    if (this.#overRuns.has(run)) this.#complain(`${key} works after the end of its run`);
    if (this.#deniedKey(key)) this.#complain(`${key} works after a no`);
    if (shown) {
      this.#mayAsShown(call, shown);
      return;
    }
    if (!call.strict && confirm === 'never') return;
    const waits = [...this.#asked.values()].some((one) => one.call === call && one.state === ApprovalState.PENDING);
    if (waits) this.#complain(`${key} works while its owner is asked`);
    if (!call.strict && this.#answeredBefore(call, confirm === 'first')) return;
    this.#complain(`${key} works and nobody allowed it`);
  }

  #deniedKey(key: string): boolean {
    return this.answers.some(
      ({ ids, allow, state }) => !allow && state === 'acked' && ids.some((id) => this.#asked.get(id)?.call.key === key),
    );
  }

  #mayAsShown(call: SentCall, shown: Effect): void {
    const own = [...this.#asked].filter(
      ([id, asked]) => asked.call === call && effectHex(asked.first.effect!) === effectHex(shown) && this.#allowed(id),
    );
    const [first] = own;
    if (!first) {
      if (!this.#granted(call, shown)) this.#complain(`${call.key} works by what its owner did not allow`);
      return;
    }
    this.#used.add(first[0]);
    if (first[1].state === ApprovalState.CHANGED) this.#complain(`${call.key} works by an answer that is over`);
  }

  /** A grant that was made with a yes to a call like this one, that nobody revoked, in its time, and not used up. */
  #granted(call: SentCall, shown: Effect): boolean {
    if (call.strict) return false;
    const all = this.answers.flatMap(({ ids: [id = ''], grant, state }) => {
      const asked = this.#asked.get(id);
      if (!grant || !asked || state === 'refused' || asked.call.target !== call.target) return [];
      const same = kindOf(asked.first.effect!) === kindOf(shown);
      return same && !grant.revoked && this.now < grant.until && grant.used < grant.uses ? [grant] : [];
    });
    // Of several the one that ends first is used, so that nothing is lost.
    const [grant] = all.sort((a, b) => a.until - b.until);
    if (!grant) return false;
    grant.used++;
    this.seen.granted++;
    return true;
  }

  /** The owner ends the grant that was made with the yes to this question; or that did not come to pass. */
  revoked(id: string, revoked: boolean): void {
    for (const { ids, grant } of this.answers) if (grant && ids.includes(id)) grant.revoked = revoked;
  }

  /** A call of the run and the entry was allowed: for the whole run, or once where that is enough and it was as was shown. */
  #answeredBefore({ run, target }: SentCall, once: boolean): boolean {
    const yes = [...this.#asked].some(([id, { call, state: now }]) => {
      const given = this.answers.filter(({ ids, allow, state }) => allow && state !== 'refused' && ids.includes(id));
      const counts = once && now !== ApprovalState.CHANGED;
      const enough = given.some(({ scope }) => counts || scope === ApprovalScope.RUN);
      return call.run === run && call.target === target && enough;
    });
    if (yes) this.seen.covered++;
    return yes;
  }

  /** A tool has ended its work; the disk is as it was, or exactly as the call says and as was shown. */
  ended(text: string, shown: Effect | undefined, failed: string | undefined, after: Disk): void {
    const call = this.#calls.get(text)!;
    const before = this.disk;
    this.disk = after;
    if (failed !== undefined) {
      if (failed === 'APPROVAL_CHANGED') this.seen.changed++;
      if (!isDeepStrictEqual(before, after)) this.#complain(`${call.key} failed with ${failed} and changed something`);
      return;
    }
    this.seen.done++;
    this.#done.add(call.key);
    const wanted = new Map(before);
    const file = call.target === 'command' ? COMMAND_FILE : call.target;
    const adds = call.target === 'command' || call.mode === WriteMode.APPEND;
    wanted.set(file, `${adds ? (before.get(file) ?? '') : ''}${call.text}`);
    if (!isDeepStrictEqual(wanted, after)) this.#complain(`${call.key} did something else than it says`);
    if (shown) this.#asShown(call, shown, before.get(file), after.get(file) ?? '');
  }

  #asShown(call: SentCall, { effect }: Effect, before: string | undefined, after: string): void {
    if (effect.case === 'command') {
      if (effect.value.stdin !== call.text) this.#complain(`${call.key} read something else than was shown`);
      return;
    }
    if (effect.case !== 'file') {
      this.#complain(`${call.key} did what was never shown`);
      return;
    }
    const was = effect.value.before && hex(effect.value.before.sha256);
    if (was !== (before === undefined ? undefined : sha256(before)))
      this.#complain(`${call.key} changed something else than was shown`);
    if (!effect.value.after || hex(effect.value.after.sha256) !== sha256(after))
      this.#complain(`${call.key} wrote something else than was shown`);
  }

  /** Nothing changes but by a call. */
  isDisk(disk: Disk): void {
    if (!isDeepStrictEqual(this.disk, disk)) this.#complain('something changed without a call');
  }

  /** What stands in the journal as an answer was given by the owner. */
  journaled(id: string, allowed: boolean): void {
    const given = this.answers.some((one) => one.allow === allowed && one.state !== 'refused' && this.#covers(one, id));
    if (!given) this.#complain(`the journal has an answer to ${id} that nobody gave`);
  }

  /** Every answer that was taken stands in the journal. */
  lostAnswers(journaled: ReadonlyMap<string, boolean>): void {
    for (const { ids, allow, state } of this.answers) {
      if (state !== 'acked') continue;
      for (const id of ids) if (journaled.get(id) !== allow) this.#complain(`the answer to ${id} is lost`);
    }
  }

  #complain(what: string): void {
    this.wrong.push(what);
  }
}
