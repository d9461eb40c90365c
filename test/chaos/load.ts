// Does the deeds of a plan: asks and reads every piece of the answers, calls with keys, cancels; again and again until an
// answer that stays. What was promised goes into the model.
import { setTimeout as wait } from 'node:timers/promises';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { type Approval, ApprovalState } from '../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { type Ended, LocalService, type RunEvent } from '../../gen/bowline/local/v1/local_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { answerByProgram } from '../support/answer-by-program.ts';
import { reasonOf, type Transport } from './clients.ts';
import { type AskRecord, type CallRecord, type Model, PASSING } from './model.ts';
import type { Deed } from './plan.ts';
import { napArgv, runArgv } from './programs.ts';
import type { Site } from './site.ts';
import { TextCheck } from './text-check.ts';
import { within } from './within.ts';

/** How long one deed may take in all, faults included. */
const PATIENCE_MS = 90_000;
const AGAIN_MS = 150;
/** For one call that nobody answers. */
const CALL_MS = 20_000;
/** How long a nap goes on before it is cancelled. */
const NAP_MS = 700;

const STATES = new Map<number, string>(Object.entries(RunState).map(([name, state]) => [state, name.toLowerCase()]));

type Ask = Extract<Deed, { kind: 'ask' }>;
type Call = Exclude<Deed, { kind: 'ask' }>;

export class Load {
  readonly model: Model;
  /** What was wrong with texts, and deeds that came to no end. */
  readonly wrong: string[] = [];
  /** Texts that began anew under a higher epoch, and pieces that were read. */
  resets = 0;
  pieces = 0;
  /** The deed that ended last. */
  last = '';
  readonly #site: Site;
  readonly #kill: (target: string) => void;
  readonly #conversations = new Map<string, string>();

  /** @param kill kills a program, which is started again */
  constructor(site: Site, model: Model, kill: (target: string) => void = () => {}) {
    this.#site = site;
    this.#kill = kill;
    this.model = model;
  }

  async do(deed: Deed): Promise<void> {
    try {
      await within(PATIENCE_MS + CALL_MS, 'the deed', deed.kind === 'ask' ? this.#ask(deed) : this.#call(deed));
    } catch (error) {
      this.#complain(deed.name, error);
    }
    this.last = deed.name;
  }

  /** Asks with one request id until the end is told, however often the edge goes away. */
  async #ask(deed: Ask): Promise<void> {
    const { name, text, edge, line } = deed;
    const expected = this.#site.model.answerTo(text);
    const ask: AskRecord = {
      name,
      text,
      edge,
      line,
      runs: new Set(),
      ended: undefined,
      refused: undefined,
      cancelWanted: deed.cancelAfterMs !== undefined,
      owned: deed.owner && { allow: deed.owner.allow, asked: new Set(), sent: false, taken: false },
      expected,
    };
    this.model.asks.push(ask);
    const place = `${edge}/${deed.conversation}`;
    const conversation = this.#conversations.get(place) ?? newId();
    this.#conversations.set(place, conversation);
    const request = { text, conversation, requestId: newId() };
    const beside: Promise<void>[] = [];
    const besides = (doing: Promise<void>) => beside.push(doing.catch((error: unknown) => this.#complain(name, error)));
    const accepted = (run: string) => {
      if (ask.runs.size === 0) {
        if (deed.cancelAfterMs !== undefined) besides(this.#cancel(deed, ask, run, deed.cancelAfterMs));
        if (deed.watched) besides(this.#watch(ask, run));
      }
      ask.runs.add(run);
    };
    await again(name, async (round) => {
      const check = new TextCheck();
      const [known] = ask.runs;
      // Whoever comes back follows the run, or repeats the ask: both are promised to work.
      await this.#site.edge(edge, async (transport) => {
        const client = createClient(LocalService, transport);
        const stream = known !== undefined && round % 2 === 1 ? client.follow({ run: known }) : client.ask(request);
        for await (const { event } of stream) {
          this.#event(ask, event, check, accepted);
          if (event?.event.case === 'approval') this.#asked(deed, ask, event.event.value, besides);
        }
      });
      return ask.ended !== undefined;
    }).catch((error: unknown) => {
      const reason = reasonOf(error);
      if (ask.runs.size > 0 || !(error instanceof ConnectError)) throw error;
      ask.refused = reason;
    });
    await Promise.all(beside);
  }

  /** The owner sees a question, looks at it, and answers until the answer is taken. */
  #asked({ owner, edge }: Ask, ask: AskRecord, approval: Approval, besides: (doing: Promise<void>) => void): void {
    const { owned, name } = ask;
    const { id, digest, state } = approval;
    if (!owner || !owned) {
      this.wrong.push(`${name}: it asks for a yes that it does not need`);
      return;
    }
    if (owned.asked.has(id) || state !== ApprovalState.PENDING) return;
    owned.asked.add(id);
    const { allow, afterMs, brokenMs, byProgram, kills } = owner;
    if (kills.asked) this.#kill(kills.asked);
    const typed = async () => {
      owned.sent = true;
      const isOver = () => ask.ended !== undefined;
      const how = { id, allow, killAfterMs: brokenMs, withinMs: PATIENCE_MS, isOver };
      const came = await answerByProgram(this.#site.edgeStack(edge), how);
      if (came === 'taken') owned.taken = true;
      else if (!ask.cancelWanted && !isOver()) throw new Error('what was asked was over, and nobody wanted that');
    };
    const called = () =>
      again(`${name} (answer)`, async (round) => {
        if (ask.ended) return true;
        owned.sent = true;
        const timeoutMs = round === 0 && brokenMs ? brokenMs : CALL_MS;
        try {
          await this.#site.edge(edge, (transport) =>
            createClient(LocalService, transport).answerApprovals(
              { approvals: [{ id, digest }], allow },
              { timeoutMs },
            ),
          );
          owned.taken = true;
        } catch (error) {
          // Its run was cancelled meanwhile.
          if (reasonOf(error) !== 'APPROVAL_ENDED' || !ask.cancelWanted) throw error;
        }
        return true;
      });
    const answer = async () => {
      await wait(afterMs);
      await (byProgram ? typed() : called());
      if (kills.answered) this.#kill(kills.answered);
    };
    besides(answer());
  }

  #event(ask: AskRecord, event: RunEvent | undefined, check: TextCheck, accepted: (run: string) => void): void {
    const body = event?.event;
    if (body?.case === 'accepted') accepted(body.value.run);
    if (body?.case === 'text') {
      check.add(body.value);
      this.pieces++;
    }
    if (body?.case === 'ended') ask.ended = this.#ended(ask, body.value, check);
    this.#note(ask.name, check);
  }

  #ended(ask: AskRecord, { outcome, run }: Ended, check: TextCheck): AskRecord['ended'] {
    const state = STATES.get(outcome?.state ?? RunState.UNSPECIFIED) ?? 'unspecified';
    ask.runs.add(run);
    if (state === 'answered') check.end(outcome?.answer ?? '');
    return { state, answer: outcome?.answer ?? '', reason: outcome?.failure?.reason ?? '' };
  }

  #note(name: string, check: TextCheck): void {
    for (const what of check.wrong.splice(0)) this.wrong.push(`${name}: ${what}`);
    this.resets += check.resets;
    check.resets = 0;
  }

  #complain(name: string, error: unknown): void {
    this.wrong.push(`${name}: ${describe(error)}`);
  }

  /** A second reader, at the control plane. */
  async #watch(ask: AskRecord, run: string): Promise<void> {
    let over = false;
    await again(`${ask.name} (watched)`, async () => {
      const check = new TextCheck();
      try {
        await this.#site.control(async (transport) => {
          for await (const { event } of createClient(RunService, transport).watchRun({ id: run })) {
            if (event.case === 'text') {
              check.add(event.value);
              this.pieces++;
            }
            if (event.case !== 'run' || !event.value.outcome) continue;
            over = true;
            if (event.value.state === RunState.ANSWERED) check.end(event.value.outcome.answer);
          }
        });
      } catch (error) {
        // The run may still be on the box only; one that was refused there never comes.
        if (reasonOf(error) !== 'NOT_FOUND') throw error;
        over = ask.ended !== undefined;
      }
      this.#note(`${ask.name} (watched)`, check);
      return over;
    });
  }

  async #cancel({ edge, cancelBy }: Ask, ask: AskRecord, run: string, afterMs: number): Promise<void> {
    await wait(afterMs);
    const requestId = newId();
    await again(`${ask.name} (cancel)`, async () => {
      try {
        if (cancelBy === 'edge') {
          await this.#site.edge(edge, (transport) => createClient(LocalService, transport).cancel({ run }));
        } else {
          await this.#site.control((transport) =>
            createClient(RunService, transport).cancelRun({ id: run, requestId }),
          );
        }
      } catch (error) {
        if (ask.ended) return true;
        if (reasonOf(error) !== 'NOT_FOUND') throw error;
        return false;
      }
      return true;
    });
  }

  /** Calls with one idempotency key until the answer is one that stays; so often, and together, as the plan says. */
  async #call({ kind, name, edge, times, together }: Call): Promise<void> {
    const file = kind === 'write' ? 'log.txt' : 'ran.txt';
    const record: CallRecord = { key: name, edge, line: name, file, outcomes: [] };
    this.model.calls.push(record);
    if (kind === 'nap') return this.#nap(record);
    const headers = { 'bowline-idempotency-key': name, 'bowline-device': `edge-${edge}` };
    const once = () =>
      again(name, async () => {
        const outcome = await this.#site
          .control<unknown>((transport) =>
            kind === 'write' ? write(transport, name, headers) : this.#run(transport, edge, name, headers),
          )
          .then(() => 'done', reasonOf);
        record.outcomes.push(outcome);
        return !PASSING.has(outcome);
      });
    if (together) await Promise.all(Array.from({ length: times }, once));
    else for (let n = 0; n < times; n++) await once();
  }

  /** Begins a long command and goes away in the middle, which cancels it. What came of it is not told to anyone. */
  async #nap({ line, edge, outcomes }: CallRecord): Promise<void> {
    const gone = new AbortController();
    const stack = this.#site.edgeStack(edge);
    const request = { argv: napArgv(stack), stdin: `${line}\n` };
    // A call with a key would go on.
    const headers = { 'bowline-device': `edge-${edge}` };
    await this.#site
      .control(async (transport) => {
        const stream = createClient(ShellService, transport).run(request, { headers, signal: gone.signal });
        const reading = (async () => {
          for await (const _ of stream);
        })();
        await Promise.race([reading, wait(NAP_MS)]);
        gone.abort();
        await reading;
      })
      .then(
        () => outcomes.push('lost'),
        (error: unknown) => outcomes.push(reasonOf(error)),
      );
  }

  async #run(transport: Transport, edge: number, line: string, headers: Record<string, string>): Promise<void> {
    const request = { argv: runArgv(this.#site.edgeStack(edge)), stdin: `${line}\n` };
    let exit: number | undefined;
    const options = { headers, timeoutMs: CALL_MS };
    for await (const { event } of createClient(ShellService, transport).run(request, options)) {
      if (event.case === 'exit') exit = event.value.code;
    }
    // Broken off without an end: the stream says nothing about it.
    if (exit === undefined) throw new ConnectError('no exit', Code.Unavailable);
    if (exit !== 0) throw new Error(`the command ended with ${exit}`);
  }
}

const write = (transport: Transport, line: string, headers: Record<string, string>) =>
  createClient(FsService, transport).write(
    { path: 'docs/log.txt', text: `${line}\n`, mode: WriteMode.APPEND },
    { headers, timeoutMs: CALL_MS },
  );

/** Tries again until it says so; an error that may pass is one more reason to. */
async function again(what: string, attempt: (round: number) => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  let last: unknown;
  for (let round = 0; performance.now() < end; round++) {
    try {
      if (await attempt(round)) return;
      last = undefined;
    } catch (error) {
      last = error;
      if (!(PASSING.has(reasonOf(error)) || (error instanceof ConnectError && error.code === Code.Unavailable)))
        throw error;
    }
    await wait(AGAIN_MS);
  }
  throw new Error(`${what} came to no end within ${PATIENCE_MS} ms${last ? `: ${describe(last)}` : ''}`);
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.message}${error.cause ? ` (${describe(error.cause)})` : ''}` : String(error);
}
