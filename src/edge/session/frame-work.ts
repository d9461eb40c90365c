// What frames of the control plane caused and is not done yet, in about the bytes that it holds. Past the bound no more is read, so that
// the window of the stream stops the other side: how fast it sends decides nothing here.
import { type Clock, sleep } from '../../base/clock.ts';
import { InboundBudget } from '../../contract/session/inbound-budget.ts';

/** What may wait. An honest control plane has at most 64 tool calls here, and 256 asks. */
const MOST_BYTES = 32 << 20;
/** What any work holds, beside what its frame says. */
const EACH_BYTES = 64 << 10;
/** How often who waits shows that it is there. */
const FULL_MS = 200;

export class FrameWork {
  readonly #budget = new InboundBudget(MOST_BYTES);

  /** Whether what is to be read next must wait. */
  get full(): boolean {
    return !this.#budget.free;
  }

  /** Counts work until it is done, however. @param bytes that it holds of its frame */
  add(done: Promise<unknown>, bytes: number): void {
    const give = this.#budget.reserve(EACH_BYTES + bytes);
    done.then(give, give);
  }

  /** Resolves when more may be read, or `over`. @param waits called again and again until then */
  async room(clock: Clock, waits: () => void, over: () => boolean): Promise<void> {
    while (this.full && !over()) {
      waits();
      await Promise.race([this.#budget.wait(), sleep(clock, FULL_MS)]);
    }
  }
}
