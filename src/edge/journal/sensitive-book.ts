// The turns of sensitive conversations: which wait for an answer, and where the words of the others stand. Folded from the journal; it
// holds no text but the beginnings that a list shows. Nothing of it is ever sent: no frame is made of it.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { KeptTurn, SensitiveAsk } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from './records.ts';

/** A turn, without its words. */
export interface NotedTurn {
  readonly run: string;
  readonly conversation: string;
  readonly requestId: string;
  /** The beginning of what was asked, for lists. */
  readonly title: string;
  /** The ask's own sequence, which orders turns. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The record with its words: its own, or a checkpoint. */
  storedIn: number;
  /** The record with its end; undefined while it waits. */
  endedIn: number | undefined;
  /** Bytes of its words. */
  bytes: number;
  /** Starts of the edge while it waited for an answer. */
  starts: number;
}

/** Turns with an answer that are kept, and bytes of their words; the oldest go first. */
const MOST_TURNS = 512;
const MOST_BYTES = 1 << 20;
const MOST_ENDED = 1024;
const TITLE_CHARS = 60;

export class SensitiveBook implements Fold {
  readonly #turns = new Map<string, NotedTurn>();
  readonly #requests = new Map<string, string>();
  /** Ends whose ask is unknown: a checkpoint that follows may still list it. */
  readonly #ended = new Map<string, number>();
  #bytes = 0;

  get(run: string): NotedTurn | undefined {
    return this.#turns.get(run);
  }

  /** Those without an answer, oldest first. */
  open(): NotedTurn[] {
    return this.#sorted(({ endedIn }) => endedIn === undefined);
  }

  /** Those of a conversation, oldest first. */
  of(conversation: string): NotedTurn[] {
    return this.#sorted((turn) => turn.conversation === conversation);
  }

  all(): NotedTurn[] {
    return this.#sorted(() => true);
  }

  runOfRequest(requestId: string): string | undefined {
    return requestId === '' ? undefined : this.#requests.get(requestId);
  }

  apply({ sequence, at, record }: Entry): void {
    if (record.case === 'sensitiveAsk') this.#add(record.value, sequence, sequence, at);
    else if (record.case === 'sensitiveEnded') this.#end(record.value.run, sequence, sizeOf(record.value.outcome));
    else if (record.case === 'started') for (const turn of this.open()) turn.starts++;
    else if (record.case === 'checkpoint') for (const turn of record.value.sensitive) this.#kept(turn, sequence, at);
  }

  #kept({ sequence: own, ask, ended }: KeptTurn, sequence: number, at: number): void {
    if (!ask) return;
    const known = this.#turns.get(ask.run);
    if (known) {
      known.storedIn = sequence;
      if (ended) known.endedIn = sequence;
      return;
    }
    const endedIn = ended ? sequence : this.#ended.get(ask.run);
    this.#add(ask, Number(own), sequence, at);
    if (endedIn !== undefined) this.#end(ask.run, endedIn, sizeOf(ended?.outcome));
  }

  #add(ask: SensitiveAsk, own: number, storedIn: number, at: number): void {
    if (this.#turns.has(ask.run)) return;
    const { run, conversation, requestId, text, createTime } = ask;
    this.#turns.set(run, {
      run,
      conversation,
      requestId,
      title: text.slice(0, TITLE_CHARS).toWellFormed(),
      sequence: own,
      at: createTime ? timestampMs(createTime) : at,
      storedIn,
      endedIn: undefined,
      bytes: Buffer.byteLength(text),
      starts: 0,
    });
    this.#bytes += Buffer.byteLength(text);
    if (requestId !== '') this.#requests.set(requestId, run);
  }

  #end(run: string, sequence: number, bytes: number): void {
    const turn = this.#turns.get(run);
    if (!turn) {
      this.#ended.set(run, sequence);
      dropOldest(this.#ended, MOST_ENDED);
      return;
    }
    if (turn.endedIn !== undefined) return;
    turn.endedIn = sequence;
    turn.bytes += bytes;
    this.#bytes += bytes;
    this.#shed();
  }

  #shed(): void {
    for (const turn of this.#turns.values()) {
      if (this.#turns.size <= MOST_TURNS && this.#bytes <= MOST_BYTES) return;
      if (turn.endedIn === undefined) continue;
      this.#turns.delete(turn.run);
      this.#requests.delete(turn.requestId);
      this.#bytes -= turn.bytes;
    }
  }

  #sorted(wanted: (turn: NotedTurn) => boolean): NotedTurn[] {
    return [...this.#turns.values()].filter(wanted).sort((a, b) => a.sequence - b.sequence);
  }
}

const sizeOf = (outcome: { readonly answer: string } | undefined): number => Buffer.byteLength(outcome?.answer ?? '');
