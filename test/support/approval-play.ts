// Plays calls, answers, cancels, time, edits, crashes and starts of an edge with real tools, on a journal whose disk forgets; what its
// owner sees and what its tools do is told to an independent truth.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Approval,
  ApprovalScope,
  type GrantWish,
  GrantWishSchema,
} from '../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService, type WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { Confirmation, type ToolHeld } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { Taint } from '../../gen/bowline/policy/v1/options_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import type { EdgeTool, PreparedCall } from '../../src/edge/tools/tool.ts';
import { toolset } from '../../src/edge/tools/toolset.ts';
import { ApprovalTruth, type Confirm, type LastingGrant, type OwnerAnswer, type SentCall } from './approval-truth.ts';
import { type EdgeRig, edgeRig } from './edge-rig.ts';
import { reasonOf } from './held-calls.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryFs } from './memory-fs.ts';

export type Op =
  | {
      readonly op: 'write';
      readonly run: number;
      readonly target: string;
      readonly mode: WriteMode;
      readonly strict: 'no' | 'taint' | 'always' | 'unknown';
    }
  | { readonly op: 'command'; readonly run: number; readonly strict: 'no' }
  /** A call that was sent before: the same, with another text, or in another run. */
  | { readonly op: 'again'; readonly pick: number; readonly how: 'same' | 'text' | 'run' }
  | {
      readonly op: 'answer';
      readonly pick: number;
      readonly count: number;
      readonly allow: boolean;
      readonly run: boolean;
      readonly wrong: 'no' | 'digest' | 'id' | 'other';
    }
  /** A yes to one, with a lasting grant for calls like it. */
  | { readonly op: 'grant'; readonly pick: number; readonly uses: number; readonly hours: number }
  | { readonly op: 'revoke'; readonly pick: number }
  | { readonly op: 'repeat'; readonly pick: number; readonly allow: boolean }
  | { readonly op: 'cancel'; readonly pick: number }
  | { readonly op: 'cancelRun'; readonly run: number }
  | { readonly op: 'time'; readonly hours: number }
  | { readonly op: 'edit'; readonly target: string }
  | { readonly op: 'settled'; readonly pick: number }
  | { readonly op: 'crash'; readonly after: number; readonly lose: readonly boolean[] | undefined }
  | { readonly op: 'die'; readonly when: 'before' | 'after' }
  | { readonly op: 'restart'; readonly config: number };

/** For one step, on a machine that is busy. */
const STEP_MS = 60_000;
const HOUR = 3_600_000;
/** An answer that is refused with one of these was not given. */
const REFUSALS = new Set(['NOT_FOUND', 'APPROVAL_CHANGED', 'APPROVAL_ENDED', 'GRANT_TOO_WIDE', 'GRANTS_FULL']);
const COMMAND = ['tee', '-a', 'DIR/docs/ran.txt'];
/** Ways of config.yaml between starts. */
const CONFIGS: readonly ReadonlyMap<string, Confirm>[] = [
  new Map([
    ['a.txt', 'always'],
    ['b.txt', 'first'],
    ['c.txt', 'never'],
    ['command', 'always'],
  ]),
  new Map([
    ['a.txt', 'always'],
    ['b.txt', 'always'],
    ['c.txt', 'always'],
    ['command', 'first'],
  ]),
  new Map([
    ['b.txt', 'first'],
    ['c.txt', 'first'],
  ]),
];

interface Sent {
  readonly call: SentCall;
  readonly strict: string;
  /** In this session. */
  result: string | undefined;
  held: boolean;
  over: boolean;
}

export class ApprovalPlay {
  readonly truth = new ApprovalTruth();
  readonly #dir: string;
  readonly #clock = new ManualClock();
  readonly #sent: Sent[] = [];
  readonly #answered: { answer: OwnerAnswer; approvals: Approval[] }[] = [];
  #rig!: EdgeRig;
  #fs = new MemoryFs();
  #config = 0;
  #boots = 0;
  #texts = 0;
  #epoch = 0n;
  #busy = 0;
  #die: 'before' | 'after' | undefined;
  #crashed: readonly boolean[] | 'killed' | undefined;
  #excused = new Set<string>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  async play(steps: readonly (readonly Op[])[]): Promise<void> {
    await this.#start();
    for (const [n, step] of steps.entries()) {
      await this.#within(`step ${n}: ${JSON.stringify(step)}`, this.#step(step));
    }
    await this.#within('the end', this.#end());
  }

  /** With what it was where something is wrong. */
  async #within(what: string, act: Promise<void>): Promise<void> {
    const before = this.truth.wrong.length;
    let late: NodeJS.Timeout | undefined;
    const never = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(new Error(`no end of ${what}`)), STEP_MS);
    });
    await Promise.race([act, never]).finally(() => clearTimeout(late));
    if (this.truth.wrong.length > before) throw new Error(`${this.truth.wrong.join('\n')}\nin ${what}`);
  }

  async #step(step: readonly Op[]): Promise<void> {
    this.#excused = new Set();
    this.#crashed = undefined;
    const alone = step.length === 1;
    await Promise.all(step.map((op) => this.#do(op, alone)));
    await this.#quiet();
    while (this.#crashed !== undefined || this.#rig.fatal.length > 0) await this.#afterCrash();
    this.truth.stands();
    this.truth.isDisk(this.#disk());
    this.truth.kept(this.#pending(), this.#excused);
  }

  async #do(op: Op, alone: boolean): Promise<void> {
    this.truth.now = this.#clock.now();
    switch (op.op) {
      case 'write':
      case 'command':
        return this.#new(op);
      case 'again':
        return this.#again(op);
      case 'answer':
        return this.#answer(op);
      case 'grant':
        return this.#grant(op);
      case 'revoke':
        return this.#revoke(op.pick);
      case 'repeat': {
        const before = pick(this.#answered, op.pick);
        return before && this.#give(before.approvals, op.allow, before.answer.scope);
      }
      case 'cancel':
        return this.#cancel(op.pick, alone);
      case 'cancelRun':
        return this.#cancelRun(`r${op.run}`);
      case 'time':
        for (const one of this.#pending()) this.#excuse(one);
        return this.#clock.advance(op.hours * HOUR);
      case 'edit':
        return this.#edit(op.target);
      case 'settled': {
        const sent = pick(this.#sent, op.pick);
        if (sent?.result !== undefined) await this.#rig.runner.settled(sent.call.key, sent.call.job).catch(() => {});
        return;
      }
      case 'crash':
        return this.#crashAfter(op.after, op.lose);
      case 'die':
        this.#die = op.when;
        return;
      case 'restart':
        if (!alone) return;
        this.#config = op.config;
        // What the new configuration lets run, or refuses, is asked about no more.
        for (const sent of this.#sent) this.#excused.add(sent.call.key);
        await this.#rig.close().catch((error: unknown) => {
          if (this.#crashed === undefined) throw error;
        });
        // It may have ended by a crash that was due.
        return this.#crashed === undefined ? this.#start() : undefined;
    }
  }

  async #new(op: Extract<Op, { op: 'write' | 'command' }>): Promise<void> {
    const n = this.#texts++;
    const run = `r${op.run}`;
    const target = op.op === 'command' ? 'command' : op.target;
    const mode: WriteMode = op.op === 'command' ? 0 : op.mode;
    await this.#send(
      { run, job: `${run}/0/${n}`, key: `k${n}`, target, mode, text: `字${n}\n`, strict: op.strict !== 'no' },
      op.strict,
    );
  }

  async #again({ pick: at, how }: Extract<Op, { op: 'again' }>): Promise<void> {
    const before = pick(this.#sent, at);
    if (!before) return;
    if (how === 'same') return this.#send(before.call, before.strict);
    const n = this.#texts++;
    const run = how === 'run' ? 'r9' : before.call.run;
    await this.#send(
      { ...before.call, run, job: how === 'run' ? `r9/0/${n}` : before.call.job, text: `字${n}\n` },
      'no',
      false,
    );
  }

  /** @param keep whether the control plane sends it again in the next session */
  async #send(call: SentCall, strict: string, keep = true): Promise<void> {
    if (!this.truth.call(call.text)) this.truth.sent({ ...call, strict: strict !== 'no' });
    const known = this.#sent.find((one) => one.call.text === call.text);
    const sent = known ?? { call: this.truth.call(call.text)!, strict, result: undefined, held: false, over: false };
    if (!known && keep) this.#sent.push(sent);
    sent.result = undefined;
    sent.over = false;
    const { control, runner, session } = this.#rig;
    const how = {
      run: call.run,
      job: call.job,
      key: call.key,
      epoch: ++this.#epoch,
      confirmation:
        strict === 'always'
          ? Confirmation.ALWAYS
          : strict === 'unknown'
            ? (99 as Confirmation)
            : Confirmation.UNSPECIFIED,
      change: ({ taints }: { taints: Taint[] }) => void (strict === 'taint' && taints.push(Taint.UNTRUSTED)),
    };
    const signed =
      call.target === 'command'
        ? control.sign(
            ShellService.method.run,
            { argv: COMMAND.map((word) => word.replace('DIR', this.#dir)), stdin: call.text },
            how,
            this.#clock,
          )
        : control.sign(
            FsService.method.write,
            { path: `docs/${call.target}`, text: call.text, mode: call.mode },
            how,
            this.#clock,
          );
    this.#busy++;
    try {
      await runner.handle(signed, session, this.#sink(sent));
    } catch {
      sent.over = true;
    } finally {
      this.#busy--;
    }
  }

  #sink(sent: Sent) {
    const { runner } = this.#rig;
    return {
      progress: async () => {},
      held: async ({ over }: ToolHeld) => {
        if (this.#rig.runner === runner) sent.held = !over;
      },
      result: async (result: Parameters<typeof reasonOf>[0]) => {
        if (this.#rig.runner !== runner) return;
        sent.result = reasonOf(result);
        sent.held = false;
      },
    };
  }

  async #answer({ pick: at, count, allow, run, wrong }: Extract<Op, { op: 'answer' }>): Promise<void> {
    const pending = this.#pending();
    if (pending.length === 0) return;
    const from = at % pending.length;
    const chosen = pending.slice(from, from + count);
    const [first] = chosen;
    const given = chosen.map((one, n) => {
      if (n > 0 || wrong === 'no') return one;
      if (wrong === 'id') return { ...one, id: 'f0000000' };
      const other = wrong === 'other' ? pending.find(({ id }) => id !== first!.id)?.digest : undefined;
      return { ...one, digest: other ?? Buffer.alloc(32, 7) };
    });
    await this.#give(given, allow, run ? ApprovalScope.RUN : ApprovalScope.ONCE, wrong !== 'no');
  }

  async #grant({ pick: at, uses, hours }: Extract<Op, { op: 'grant' }>): Promise<void> {
    const one = pick(this.#pending(), at);
    if (one?.effect?.effect.case !== 'file') return;
    const until = this.#clock.now() + hours * HOUR;
    const wish = create(GrantWishSchema, {
      pattern: one.effect.effect.value.path,
      uses,
      expireTime: timestampFromMs(until),
    });
    const grant = { uses, until, used: 0, revoked: false };
    await this.#give([one], true, ApprovalScope.PATTERN, false, { wish, grant });
  }

  async #revoke(at: number): Promise<void> {
    const grant = pick(this.#rig.callGrants.list(), at);
    if (!grant) return;
    const revoked = this.#rig.callGrants.revoke(grant.id);
    this.truth.revoked(grant.approval, true);
    // What was not written down holds again after a restart.
    await revoked.catch(() => this.truth.revoked(grant.approval, false));
  }

  async #give(
    approvals: readonly Approval[],
    allow: boolean,
    scope: ApprovalScope,
    mustFail = false,
    lasting?: { readonly wish: GrantWish; readonly grant: LastingGrant },
  ): Promise<void> {
    const answer: OwnerAnswer = {
      ids: approvals.map(({ id }) => id),
      allow,
      scope,
      at: this.#clock.now(),
      state: 'sent',
      ...(lasting && { grant: lasting.grant }),
    };
    this.truth.answers.push(answer);
    const named = approvals.map(({ id, digest }) => ({
      $typeName: 'bowline.local.v1.AnsweredApproval' as const,
      id,
      digest,
    }));
    for (const one of this.#pending()) if (!allow || scope === ApprovalScope.RUN) this.#excuse(one);
    try {
      await this.#rig.desk.answer(named, allow, scope, 'box', lasting?.wish);
      if (mustFail) this.truth.wrong.push('a wrong answer was taken');
      this.truth.acked(answer);
      this.#answered.push({ answer, approvals: [...approvals] });
    } catch (error) {
      const sure = error instanceof AppError && REFUSALS.has(error.reason);
      if (sure) this.truth.refused(answer);
      else answer.state = 'maybe';
    }
  }

  #cancel(at: number, alone: boolean): void {
    const sent = pick(this.#sent, at);
    if (!sent) return;
    const { job, key } = sent.call;
    const waits = this.#pending().some((one) => one.job === job);
    this.#excused.add(key);
    if (alone && waits && !this.#dying) this.truth.cancelled(key);
    this.#rig.runner.cancel(job, this.#epoch);
  }

  async #cancelRun(run: string): Promise<void> {
    for (const { call } of this.#sent) if (call.run === run) this.#excused.add(call.key);
    await this.#rig.journal.append([{ case: 'cancel', value: { run } }]).then(
      () => this.truth.runOver(run),
      () => {},
    );
  }

  #edit(target: string): void {
    if (this.#busy > 0) return;
    const disk = new Map(this.truth.disk);
    disk.set(target, `别${this.#texts++}\n`);
    writeFileSync(join(this.#dir, 'docs', target), disk.get(target)!);
    this.truth.disk = disk;
  }

  #crashAfter(after: number, lose: readonly boolean[] | undefined): void {
    const end = this.#fs.count + after;
    this.#fs.options.fault = (_operation, count) => {
      if (count < end) return undefined;
      this.#crashed ??= lose ?? 'killed';
      return 'crash';
    };
  }

  get #dying(): boolean {
    return this.#die !== undefined || this.#fs.options.fault !== undefined;
  }

  /** The process ends here. */
  #dead(): never {
    this.#die = undefined;
    this.#crashed ??= 'killed';
    this.#fs.options.fault = () => 'crash';
    throw new AppError('EDGE_STOPPING');
  }

  async #afterCrash(): Promise<void> {
    const how = this.#crashed;
    const inHand = readFileSync(join(this.#rig.home, 'in-hand'));
    this.#fs.options.fault = () => 'crash';
    const next = lostBytes(this.#fs, how);
    await this.#rig.close().catch(() => {});
    // A process that ends leaves what it had in hand.
    writeFileSync(join(this.#rig.home, 'in-hand'), inHand);
    this.#fs = next;
    this.#crashed = undefined;
    // Whoever was in the middle may be asked anew, or be refused; what waited is there.
    await this.#start();
  }

  /** A start may end by a crash, too; the next one finds what it left. */
  async #start(): Promise<void> {
    for (let started = false; !started; ) {
      started = await this.#boot().then(
        () => true,
        (error: unknown) => {
          if (this.#crashed === undefined) throw error;
          return false;
        },
      );
      if (started) return;
      this.#fs = lostBytes(this.#fs, this.#crashed);
      this.#crashed = undefined;
    }
  }

  async #boot(): Promise<void> {
    const entries = CONFIGS[this.#config]!;
    this.truth.entries = entries;
    const lines = [...entries]
      .filter(([target]) => target !== 'command')
      .map(([target, confirm]) => `{path: DIR/docs/${target}, confirm: ${confirm}}`);
    const command = entries.get('command');
    const execute = command
      ? `\n  execute: [{argv: ${JSON.stringify(COMMAND)}, confirm: ${command}, isolation: none, stdin: true}]`
      : '';
    this.#rig = await edgeRig(this.#dir, {
      config: `allow:\n  write: [${lines.join(', ')}]${execute}\nlimits: {parallel: 1, queue: 64}\n`,
      clock: this.#clock,
      machineBoot: `boot${this.#boots++ >> 1}`,
      fs: this.#fs,
      tools: (parts) => toolset(parts).map(({ method, tool }) => ({ method, tool: this.#seen(tool) })),
    });
    const { journal, runner, desk } = this.#rig;
    for (const { approval } of journal.approvals.opened()) this.truth.told(approval);
    for (const id of this.truth.ids) {
      const ended = journal.approvals.ended(id);
      if (ended) this.truth.told(ended.approval);
    }
    journal.approvals.onChange((approval) => this.truth.told(approval));
    await runner.recover();
    desk.start();
    for (const sent of this.#sent) sent.held = false;
    // The control plane ends what the box still has and it has an answer for.
    const wanted = new Set(this.#sent.flatMap(({ call, result }) => (result === undefined ? [call.key] : [])));
    for (const { job, idempotencyKey: key, running } of runner.openCalls()) {
      if (!running || wanted.has(key)) continue;
      this.#excused.add(key);
      runner.cancel(job, this.#epoch);
    }
    // In a new session the control plane sends again what it has no answer for.
    for (const sent of this.#sent) if (sent.result === undefined) await this.#send(sent.call, sent.strict);
    await this.#quiet();
  }

  /** The tool, with an eye on what it shows and does. */
  #seen(tool: EdgeTool): EdgeTool {
    return {
      method: tool.method,
      prepare: (request, call) => {
        const { change, work } = tool.prepare(request, call);
        const { text = '', stdin = '' } = request as { text?: string; stdin?: string };
        const token = text || stdin;
        const prepared: PreparedCall = {
          ...(change && {
            change: {
              ...change,
              show: () =>
                this.#counted(async () => {
                  const effect = await change.show();
                  this.truth.shown(token, effect);
                  return effect;
                }),
            },
          }),
          work: (emit, shown) =>
            this.#counted(async () => {
              if (this.#die === 'before') this.#dead();
              this.truth.begins(token, shown);
              let failed: string | undefined;
              try {
                await work(emit, shown);
              } catch (error) {
                failed = error instanceof AppError ? error.reason : String(error);
                throw error;
              } finally {
                this.truth.ended(token, shown, failed, this.#disk());
              }
              if (this.#die === 'after') this.#dead();
            }),
        };
        return prepared;
      },
    };
  }

  async #counted<T>(act: () => Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await act();
    } finally {
      this.#busy--;
    }
  }

  /** Until every call has its answer or waits for the owner. */
  async #quiet(): Promise<void> {
    for (let turns = 0, still = 0; still < 3; turns++) {
      await new Promise((resolve) => (turns < 100 ? setImmediate(resolve) : setTimeout(resolve, 2)));
      const crashed = this.#crashed !== undefined || this.#rig.fatal.length > 0;
      const open = this.#sent.filter(({ result, held, over }) => result === undefined && !held && !over);
      still = this.#busy === 0 && (crashed || open.length === 0) ? still + 1 : 0;
      if (turns > 5_000) throw new Error(`no end: ${JSON.stringify(open.map(({ call }) => call))}`);
    }
  }

  async #end(): Promise<void> {
    this.#die = undefined;
    this.#fs.options.fault = undefined as never;
    await this.#step([{ op: 'restart', config: 0 }]);
    // Whoever answers all that is asked comes to an end with every call.
    for (let rounds = 0; this.#pending().length > 0; rounds++) {
      if (rounds > this.#texts + 3) this.truth.wrong.push('it goes on asking');
      if (rounds > this.#texts + 3) break;
      await this.#step([{ op: 'answer', pick: 0, count: 3, allow: rounds % 3 !== 2, run: false, wrong: 'no' }]);
    }
    for (const { call, result } of this.#sent)
      if (result === undefined) this.truth.wrong.push(`${call.key} has neither an answer nor a question`);
    const journaled = new Map<string, boolean>();
    for await (const { record } of this.#rig.journal.entries()) {
      if (record.case !== 'approvalAnswered') continue;
      journaled.set(record.value.id, record.value.allowed);
      this.truth.journaled(record.value.id, record.value.allowed);
    }
    this.truth.lostAnswers(journaled);
    await this.#rig.close();
  }

  #pending(): Approval[] {
    return this.#rig.journal.approvals.pending().map(({ approval }) => approval);
  }

  /** It may end in this step. */
  #excuse({ id }: Approval): void {
    for (const { approval, key } of this.#rig.journal.approvals.pending())
      if (approval.id === id) this.#excused.add(key);
  }

  #disk(): Map<string, string> {
    const docs = join(this.#dir, 'docs');
    return new Map(
      readdirSync(docs)
        .sort()
        .map((name) => [name, readFileSync(join(docs, name), 'utf8')]),
    );
  }
}

function lostBytes(fs: MemoryFs, how: readonly boolean[] | 'killed' | undefined): MemoryFs {
  if (how === undefined || how === 'killed') return fs.kill();
  let at = 0;
  return fs.crash(() => how[at++ % how.length] ?? false);
}

const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(1, list.length)];
