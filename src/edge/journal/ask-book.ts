// Which asks are not answered yet, in the order in which they were asked. Folded from the journal; texts stay there.

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Checkpoint } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from './records.ts';

export interface OpenAskEntry {
  readonly run: string;
  readonly conversation: string;
  readonly requestId: string;
  /** The ask's own sequence: its command id, also after its record was pruned. */
  readonly sequence: number;
  /** Record that holds it: its own, or a checkpoint's. */
  readonly storedIn: number;
  /** Whether the control plane has accepted it. */
  readonly accepted: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const MOST_ENDED = 1024;

export class AskBook implements Fold {
  readonly #open = new Map<string, OpenAskEntry>();
  readonly #bySequence = new Map<number, string>();
  /** Runs that ended although their ask is unknown: it was pruned, and a checkpoint that follows may still list it. */
  readonly #ended = new Set<string>();

  get(run: string): OpenAskEntry | undefined {
    return this.#open.get(run);
  }

  /** Oldest first. */
  open(): OpenAskEntry[] {
    return [...this.#open.values()].sort((a, b) => a.sequence - b.sequence);
  }

  get size(): number {
    return this.#open.size;
  }

  apply({ sequence, at, record }: Entry): void {
    if (record.case === 'ask') {
      const { ask, requestId } = record.value;
      if (ask) {
        const { run, conversation } = ask;
        this.#add({ run, conversation, requestId, sequence, storedIn: sequence, accepted: false, at });
      }
    } else if (record.case === 'askOutcome') {
      this.#outcome(Number(record.value.sequence), record.value.refused !== undefined);
    } else if (record.case === 'runAnswered') this.#end(record.value.run);
    else if (record.case === 'checkpoint') this.#checkpoint(record.value, sequence, at);
  }

  #add(ask: OpenAskEntry): void {
    this.#open.set(ask.run, ask);
    this.#bySequence.set(ask.sequence, ask.run);
  }

  #outcome(sequence: number, refused: boolean): void {
    const run = this.#bySequence.get(sequence);
    const ask = run === undefined ? undefined : this.#open.get(run);
    if (!ask) return;
    if (refused) this.#end(ask.run);
    else this.#open.set(ask.run, { ...ask, accepted: true });
  }

  #end(run: string): void {
    const ask = this.#open.get(run);
    if (!ask) {
      this.#ended.add(run);
      dropOldest(this.#ended, MOST_ENDED);
      return;
    }
    this.#open.delete(run);
    this.#bySequence.delete(ask.sequence);
  }

  #checkpoint(checkpoint: Checkpoint, sequence: number, at: number): void {
    for (const { sequence: own, ask: stored, outcome } of checkpoint.asks) {
      const ask = stored?.ask;
      if (!ask || outcome?.refused || this.#ended.has(ask.run)) continue;
      const known = this.#open.get(ask.run);
      const { run, conversation } = ask;
      const accepted = (known?.accepted ?? false) || outcome !== undefined;
      const asked = ask.createTime ? timestampMs(ask.createTime) : at;
      this.#add({
        run,
        conversation,
        requestId: stored.requestId,
        sequence: Number(own),
        storedIn: sequence,
        accepted,
        at: asked,
      });
    }
  }
}
