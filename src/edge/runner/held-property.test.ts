// Random calls, answers, cancels, edits of the file, times that pass and kills, against a model of what the owner said: nothing runs without a
// yes, what runs is what was shown, and nothing runs twice.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { Approval } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../test/support/held-calls.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { systemClock } from '../../base/clock.ts';
import type { AppError } from '../../base/errors.ts';

const CONFIG = 'allow:\n  write: [{path: DIR/docs/a.txt, confirm: always}]\nlimits: {approvals: 64}\n';
const HOUR = 3_600_000;
const step = fc.record({
  kind: fc.constantFrom(
    ...(['send', 'send', 'send', 'send', 'allow', 'allow', 'allow', 'edit', 'edit', 'edit'] as const),
    ...(['deny', 'stale', 'cancel', 'wait', 'kill', 'stop'] as const),
  ),
  n: fc.nat(2),
});

/** What the model knows of a key: whether its call is at the edge, and what came of it. */
interface Known {
  here: boolean;
  state: 'asked' | 'allowed' | string;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

class Play {
  readonly dir = edgeFolder({ 'docs/a.txt': 'at first' });
  readonly clock = { ...systemClock, offMs: 0 };
  readonly known = new Map<number, Known>();
  readonly denials = [0, 0];
  fs = new MemoryFs();
  rig!: EdgeRig;
  session!: ReturnType<typeof sessionOf>;
  epoch = 1n;

  async start(): Promise<void> {
    this.clock.now = () => systemClock.now() + this.clock.offMs;
    this.clock.monotonic = () => systemClock.monotonic() + this.clock.offMs;
    this.rig = await edgeRig(this.dir, { config: CONFIG, fs: this.fs, clock: this.clock });
    this.session = sessionOf(this.rig);
    await this.rig.runner.recover();
    this.rig.desk.start();
    for (const known of this.known.values()) known.here = false;
  }

  get text(): string {
    return readFileSync(join(this.dir, 'docs/a.txt'), 'utf8');
  }

  approvalOf(n: number): Approval | undefined {
    return pendingOf(this.rig).find(({ job }) => job === jobOf(n));
  }

  results(n: number): string[] {
    return this.session.results.filter(({ job }) => job === jobOf(n)).map(reasonOf);
  }

  /** A new attempt of the call; what the edge says of it must be what the model knows. */
  async send(n: number): Promise<void> {
    const [known, before, told] = [this.known.get(n), this.text, this.results(n).length];
    const yes = this.rig.journal.approvals.ofKey(`k${n}`)?.approval;
    const how = { run: runOf(n), job: jobOf(n), key: `k${n}`, epoch: ++this.epoch };
    await this.session.write('docs/a.txt', `text ${n}`, how, undefined, this.clock);
    if (known?.state === 'allowed') return this.ran(n, yes, before);
    const over = this.denials[n % 2]! >= 2;
    const state = known?.state ?? (over ? 'APPROVALS_OVER' : 'asked');
    this.known.set(n, { here: true, state });
    if (state === 'asked') expect([this.approvalOf(n)?.job, this.results(n).length]).toEqual([jobOf(n), told]);
    else await vi.waitFor(() => expect(this.results(n).slice(told).at(-1)).toBe(state), { interval: 1 });
    expect(this.text).toBe(before);
  }

  /** The owner has said yes to this, and the call is at the edge. */
  async ran(n: number, approval: Approval | undefined, before: string): Promise<void> {
    const effect = approval?.effect?.effect;
    if (effect?.case !== 'file') throw new Error('no effect was shown');
    const shownBefore = hex(effect.value.before?.sha256);
    await vi.waitFor(() => expect(this.results(n).at(-1) === 'done' || this.approvalOf(n) !== undefined).toBe(true), {
      interval: 1,
    });
    if (this.approvalOf(n)) {
      // What was shown was not so any more.
      expect([shownBefore === sha256(before), this.text]).toEqual([false, before]);
      this.known.set(n, { here: true, state: 'asked' });
    } else {
      expect([shownBefore, hex(effect.value.after?.sha256), this.text]).toEqual([
        sha256(before),
        sha256(`text ${n}`),
        `text ${n}`,
      ]);
      this.known.set(n, { here: true, state: 'done' });
    }
  }

  async answer(n: number, allow: boolean, stale = false): Promise<void> {
    const [approval, known, before] = [this.approvalOf(n), this.known.get(n), this.text];
    expect(approval !== undefined).toBe(known?.state === 'asked');
    if (!approval || !known) return;
    const which = stale ? { ...approval, digest: Buffer.alloc(32) } : approval;
    const failed = await answer(this.rig, allow, [which]).then(
      () => '',
      (error: AppError) => error.reason,
    );
    expect(failed).toBe(stale ? 'APPROVAL_CHANGED' : '');
    if (stale) return;
    if (allow && known.here) return this.ran(n, approval, before);
    known.state = allow ? 'allowed' : 'APPROVAL_DENIED';
    if (allow) return;
    if (++this.denials[n % 2]! >= 2)
      for (const [other, one] of this.known)
        if (other % 2 === n % 2 && one.state === 'asked') one.state = 'APPROVALS_OVER';
    expect(this.text).toBe(before);
  }

  async cancel(n: number): Promise<void> {
    const known = this.known.get(n);
    this.rig.runner.cancel(jobOf(n), this.epoch);
    if (known?.state !== 'asked' && known?.state !== 'allowed') return;
    known.state = 'CANCELED';
    await vi.waitFor(() => expect(this.rig.journal.approvals.ofKey(`k${n}`)).toBeUndefined(), { interval: 1 });
  }

  async wait(): Promise<void> {
    this.clock.offMs += 25 * HOUR;
    this.rig.desk.start();
    for (const known of this.known.values()) if (known.state === 'asked') known.state = 'APPROVAL_EXPIRED';
    await vi.waitFor(() => expect(pendingOf(this.rig)).toEqual([]), { interval: 1 });
  }

  async again(clean: boolean): Promise<void> {
    if (clean) await this.rig.close();
    else this.rig.desk.stop();
    this.fs = this.fs.kill();
    await this.start();
  }

  act({ kind, n }: { readonly kind: string; readonly n: number }): Promise<void> {
    if (kind === 'send') return this.send(n);
    if (kind === 'allow' || kind === 'deny') return this.answer(n, kind === 'allow');
    if (kind === 'stale') return this.answer(n, true, true);
    if (kind === 'cancel') return this.cancel(n);
    if (kind === 'wait') return this.wait();
    if (kind === 'kill' || kind === 'stop') return this.again(kind === 'stop');
    writeFileSync(join(this.dir, 'docs/a.txt'), `edited ${this.epoch++}`);
    return Promise.resolve();
  }
}

/** The file changes between the yes and what was shown; then it is asked anew. */
const CHANGED = (['send', 'edit', 'allow', 'allow'] as const).map((kind) => ({ kind, n: 0 }));

const runOf = (n: number) => `r${n % 2}`;
const jobOf = (n: number) => `${runOf(n)}/0/${n}`;

test('whatever happens, only what the owner allowed is done, as it was shown, and once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      const play = new Play();
      await play.start();
      for (const one of steps) await play.act(one);
      for (const [n, { state }] of play.known) expect(play.approvalOf(n) !== undefined).toBe(state === 'asked');
      await play.rig.close();
    }),
    { numRuns: Number(process.env.CRASH_RUNS ?? 20), examples: [[CHANGED]] },
  );
}, 60_000);
