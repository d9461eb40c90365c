// Asks the owner at the terminal, step by step: shows what waits, takes keys, sends the answers. What is answered elsewhere, ends or comes
// anew meanwhile changes the question that stands there.
import { setTimeout as pause } from 'node:timers/promises';
import { type Approval, type ApprovalScope, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { toAppError } from '../../contract/errors.ts';
import type { CliIo } from '../io.ts';
import { canRedraw } from '../live-line.ts';
import { Printer } from '../output.ts';
import { AnswerKeys } from './answer-keys.ts';
import { approvalEnd, approvalTitle, approvalView, placeInStep, stepOf, typedId } from './approval-view.ts';
import { type AskedStep, choiceOf, keyLines, questionLine } from './choice.ts';

/** How long it is waited for other calls of a step before it is shown. */
const GATHER_MS = 400;

export interface QuestionParts {
  readonly io: CliIo;
  /** Sends an answer for what was shown; gives them as they are then. */
  readonly send: (which: readonly Approval[], allow: boolean, scope: ApprovalScope) => Promise<readonly Approval[]>;
  /** Takes the keyboard from whoever has it while `use` goes on. */
  readonly aside?: ((use: () => Promise<void>) => Promise<void>) | undefined;
  /** A question is about to be shown: nobody else writes there until `closed`. */
  readonly opened: () => void;
  readonly closed: () => void;
  /** Ctrl-C: everything is left open. */
  readonly left: () => void;
  /** What is said then, where it does not stay open. */
  readonly leaving?: string;
}

export class ApprovalQuestions {
  readonly #parts: QuestionParts;
  readonly #err: Printer;
  /** What waits, by its id, in the order in which it came. */
  readonly #waiting = new Map<string, Approval>();
  /** Ids that stand on the screen, by step. */
  readonly #shown = new Map<string, Set<string>>();
  /** Answered here, so that nobody is told of it again. */
  readonly #answered = new Set<string>();
  #ended: Approval[] = [];
  #lost: string | undefined;
  #changed = new AbortController();
  #asking: Promise<void> | undefined;
  #over = false;
  /** Whether it was waited for the others of a step. */
  #gathered = false;

  constructor(parts: QuestionParts) {
    this.#parts = parts;
    this.#err = new Printer(parts.io.stderr, parts.io.env);
  }

  get isOpen(): boolean {
    return this.#asking !== undefined;
  }

  /** An approval as it is now. */
  take(approval: Approval): void {
    if (this.#over) return;
    const before = this.#waiting.get(approval.id);
    if (approval.state === ApprovalState.PENDING) {
      if (before && sameDigest(before, approval)) return;
      this.#waiting.set(approval.id, approval);
      for (const ids of before ? this.#shown.values() : []) ids.delete(approval.id);
    } else {
      if (!before) return;
      this.#waiting.delete(approval.id);
      // Of what is over the edge need not tell again what it would have done.
      const effect = approval.effect ?? before.effect;
      if (!this.#answered.has(approval.id)) this.#ended.push(effect ? { ...approval, effect } : approval);
    }
    this.#changed.abort();
    if (this.#waiting.size > 0) this.#asking ??= this.#ask();
  }

  /** The edge went away: what waits there comes again with it. @param what is said of it, once no question stands there */
  lost(what?: string): void {
    this.#waiting.clear();
    this.#lost = what;
    if (!this.isOpen) this.#tellEnded();
    this.#changed.abort();
  }

  /** Takes the question away. Ends when the keyboard is given back. */
  async end(): Promise<void> {
    this.#over = true;
    this.#changed.abort();
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const { aside = (use) => use(), opened, closed } = this.#parts;
    opened();
    try {
      await aside(async () => {
        const keys = new AnswerKeys(this.#parts.io);
        try {
          while (await this.#askNext(keys));
        } finally {
          keys.giveBack();
        }
      });
    } finally {
      this.#asking = undefined;
      closed();
      // What came while the keyboard was given back.
      if (!this.#over && this.#waiting.size > 0) this.#asking = this.#ask();
    }
  }

  /** One key, or one change; false when nothing is left to ask. */
  async #askNext(keys: AnswerKeys): Promise<boolean> {
    this.#changed = new AbortController();
    const { signal } = this.#changed;
    this.#tellEnded();
    const step = this.#over ? undefined : this.#step();
    if (!step) return false;
    if (step.fresh.length > 0 && !this.#gathered) {
      // Calls of one step come one after the other.
      await pause(GATHER_MS);
      this.#gathered = !signal.aborted;
      return true;
    }
    this.#gathered = false;
    this.#showNew(step);
    const quiet = await keys.silence(signal);
    if (quiet === 'leave') return this.#leave(step);
    if (quiet === 'changed') return true;
    const { stderr } = this.#parts.io;
    stderr.write(questionLine(step, stderr.columns ?? 80));
    const pressed = await keys.next(signal);
    if (pressed === 'changed') this.#takeBack();
    else if (pressed === 'leave') return this.#leave(step, '\n');
    else await this.#pressed(pressed.key, step);
    return true;
  }

  /** The calls of the step that is asked about: as they were shown, then the new ones as the step has them; undefined when nothing waits. */
  #step(): (AskedStep & { readonly fresh: readonly Approval[] }) | undefined {
    const [some] = this.#waiting.values();
    if (!some) return undefined;
    const shown = this.#shownOf(some);
    const all = [...this.#waiting.values()].filter((each) => stepOf(each) === stepOf(some));
    const old = [...shown].flatMap((id) => all.find((each) => each.id === id) ?? []);
    const fresh = all.filter(({ id }) => !shown.has(id)).sort((one, other) => placeInStep(one) - placeInStep(other));
    const waiting = [...old, ...fresh];
    const first = waiting[0] ?? some;
    const number = old[0] ? [...shown].indexOf(first.id) + 1 : shown.size + 1;
    return { first, waiting, fresh, number, all: shown.size + fresh.length };
  }

  #shownOf(approval: Approval): Set<string> {
    const shown = this.#shown.get(stepOf(approval)) ?? new Set();
    this.#shown.set(stepOf(approval), shown);
    return shown;
  }

  #showNew({ fresh, all }: AskedStep & { readonly fresh: readonly Approval[] }): void {
    for (const approval of fresh) {
      const shown = this.#shownOf(approval).add(approval.id);
      this.#show(approval, this.#parts.io.stderr.rows ?? 24, all > 1 ? `${shown.size}: ` : '');
    }
  }

  #show(approval: Approval, rows: number | undefined, number = ''): void {
    const { columns = 80 } = this.#parts.io.stderr;
    const { lines, isCut, isPart } = approvalView(approval, { columns, rows, now: Date.now(), number });
    this.#err.line();
    for (const { text, style } of lines) this.#err.quoted(text, style);
    if (isCut) this.#err.line(`  something is cut here; w shows ${isPart ? 'more' : 'all'} of it`, 'yellow');
  }

  async #pressed(key: string, step: AskedStep): Promise<void> {
    const choice = choiceOf(key, step);
    switch (choice.is) {
      case 'nothing':
        return this.#takeBack();
      case 'explain':
        this.#err.line(key);
        for (const line of keyLines(step, (this.#parts.io.stderr.columns ?? 80) - 3, this.#parts.io.env))
          this.#err.line(`  ${line}`);
        return;
      case 'whole':
        this.#err.line(key);
        return this.#show(step.first, undefined);
      case 'answer':
        this.#err.line(choice.allow ? 'yes' : 'no');
        return await this.#answer(choice.which, choice.allow, choice.scope);
    }
  }

  async #answer(which: readonly Approval[], allow: boolean, scope: ApprovalScope): Promise<void> {
    for (const { id } of which) this.#answered.add(id);
    try {
      for (const now of await this.#parts.send(which, allow, scope)) {
        if (now.state === ApprovalState.PENDING) this.#unanswered(now);
        else {
          this.#waiting.delete(now.id);
          const colour = now.state === ApprovalState.ALLOWED ? 'green' : 'yellow';
          this.#err.quoted(`${approvalEnd(now)}: ${approvalTitle(now)}`, colour);
        }
      }
    } catch (error) {
      const { message, reason } = toAppError(error);
      this.#err.line(`it was not answered: ${message} (${reason})`, 'red');
      for (const each of which) this.#unanswered(each);
    }
  }

  /** What still waits is told anew by the edge, or stays in the list. */
  #unanswered(approval: Approval): void {
    this.#waiting.delete(approval.id);
    this.#answered.delete(approval.id);
    this.#err.line(`  see: bowline approvals show ${typedId(approval)}`);
  }

  #tellEnded(): void {
    if (this.#lost) this.#err.line(this.#lost, 'yellow');
    this.#lost = undefined;
    for (const each of this.#ended.splice(0))
      this.#err.quoted(`${approvalEnd(each)}, so it is not asked any more: ${approvalTitle(each)}`, 'yellow');
  }

  #leave({ first }: AskedStep, begin = ''): false {
    this.#over = true;
    this.#parts.io.stderr.write(begin);
    const { leaving = `left open; answer it with: bowline approvals allow ${typedId(first)}, or deny` } = this.#parts;
    this.#err.line(leaving, 'yellow');
    this.#parts.left();
    return false;
  }

  /** The line of the prompt goes where lines can be taken back. */
  #takeBack(): void {
    const { stderr, env } = this.#parts.io;
    stderr.write(canRedraw(stderr, env) ? '\r\x1b[2K' : '\n');
  }
}

const sameDigest = (one: Approval, other: Approval): boolean => Buffer.compare(one.digest, other.digest) === 0;
