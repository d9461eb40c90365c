// Tells the owner, by a command of config.yaml, that something waits for a yes: nothing but that, and the title of its run where that is
// wanted. It is no part of a call: one that fails or hangs is ended and logged.
import { spawn } from 'node:child_process';
import { type Approval, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { causeText } from '../../base/cause-text.ts';
import { inertLine } from '../../base/inert.ts';
import type { Logger } from '../../base/logger.ts';
import type { NoticeEntry } from '../config/notice-entry.ts';

/** How long the command may take. */
const LIMIT_MS = 10_000;
const TITLE_LETTERS = 80;

/** What a program needs to reach the desktop, or the network. */
const PASSED = ['PATH', 'HOME', 'LANG', 'DISPLAY', 'WAYLAND_DISPLAY', 'XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS'];

/** The words for one approval. A title stands in quotation marks: it is never taken for an option. Pure. */
export function noticeWords({ command, title }: NoticeEntry, approval: Pick<Approval, 'title'>): string[] {
  const words = [...inertLine(approval.title)].slice(0, TITLE_LETTERS).join('');
  const told = title && words !== '' ? `“${words}”` : 'a run';
  return command.map((word) => word.replaceAll('{title}', () => told));
}

export class ApprovalNotice {
  readonly #entry: () => NoticeEntry | undefined;
  readonly #log: Logger;
  readonly #limitMs: number;
  /** Approvals of which a notice was given; one that changes is none. */
  readonly #told = new Set<string>();
  #next: Approval | undefined;
  #running = false;
  #end: (() => void) | undefined;
  #stopped = false;

  /** @param entry what config.yaml says now */
  constructor(entry: () => NoticeEntry | undefined, log: Logger, limitMs = LIMIT_MS) {
    this.#entry = entry;
    this.#log = log;
    this.#limitMs = limitMs;
  }

  /** An approval that began or changed. While a notice is under way, the newest of those that begin is the next. */
  changed(approval: Approval): void {
    if (approval.state !== ApprovalState.PENDING) {
      this.#told.delete(approval.id);
      if (this.#next?.id === approval.id) this.#next = undefined;
      return;
    }
    if (this.#stopped || this.#told.has(approval.id)) return;
    this.#told.add(approval.id);
    this.#next = approval;
    if (!this.#running) void this.#run();
  }

  /** Ends what is under way. */
  stop(): void {
    this.#stopped = true;
    this.#next = undefined;
    this.#end?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#next; next; next = this.#next) {
      this.#next = undefined;
      const entry = this.#entry();
      const problem = entry && (await this.#give(noticeWords(entry, next)));
      if (problem) this.#log.warn('the notice that something waits for a yes was not given', { problem });
    }
    this.#running = false;
  }

  /** What went wrong; nothing when it ended well. */
  #give([program = '', ...words]: string[]): Promise<string | undefined> {
    const env = Object.fromEntries(PASSED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
    return new Promise((resolve) => {
      // A group of its own, so that nothing of it stays.
      const child = spawn(program, words, { cwd: '/', env, stdio: 'ignore', detached: true });
      const end = () => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
        } catch {
          // It ended by itself.
        }
      };
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        end();
      }, this.#limitMs);
      const settle = (problem: string | undefined) => {
        clearTimeout(timer);
        this.#end = undefined;
        end();
        resolve(problem);
      };
      this.#end = end;
      child.once('error', (error) => settle(causeText(error)));
      child.once('exit', (code, signal) => {
        if (isLate) settle(`it took longer than ${this.#limitMs} ms`);
        else settle(code === 0 ? undefined : `it ended with ${signal ?? code}`);
      });
    });
  }
}
