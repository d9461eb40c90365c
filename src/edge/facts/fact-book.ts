// What the marks in answers stand for, folded from the journal: where each fact stands there, and the texts of the last ones. A fact belongs to the
// conversation whose run asked for it, and stands for nothing anywhere else. It sends nothing.

import { randomInt } from 'node:crypto';
import { dropOldest } from '../../base/drop-oldest.ts';
import { MARK_LETTERS, markOf } from '../../contract/text/fact-marks.ts';
import type { Entry, Fold } from '../journal/records.ts';

/** Facts of which it is known where they stand; the oldest go first. */
const MAX_FACTS = 8192;
/** Characters of facts that are held ready; the others are read from the journal. */
const MAX_CHARS = 256 << 10;
/** Runs of which it is known in which conversation they are. */
const MAX_RUNS = 4096;
/** Marks that were made and are not journaled yet. */
const MAX_MADE = 1024;

/** Where a mark is looked up; facts of both are told. */
export interface FactOwner {
  readonly run: string;
  /** Empty where it is not known. */
  readonly conversation: string;
}

interface Place {
  readonly sequence: number;
  /** Undefined: it stands in the journal only. */
  text: string | undefined;
}

export class FactBook implements Fold {
  readonly #conversations = new Map<string, string>();
  /** By owner and mark. */
  readonly #places = new Map<string, Place>();
  /** Keys of the facts whose texts are held, oldest first. */
  readonly #held = new Set<string>();
  readonly #made = new Set<string>();
  #chars = 0;

  apply({ sequence, record }: Entry): void {
    switch (record.case) {
      case 'ask':
        this.#remember(record.value.ask);
        return;
      case 'checkpoint':
        for (const { ask } of record.value.asks) this.#remember(ask?.ask);
        return;
      case 'toolOutcome':
        for (const { mark, text } of record.value.facts) this.#add(record.value.run, mark, text, sequence);
        return;
      default:
    }
  }

  /** A mark that stands for nothing yet in the conversation of this run. */
  newMark(run: string): string {
    for (;;) {
      const letters = Array.from({ length: 4 }, () => MARK_LETTERS[randomInt(MARK_LETTERS.length)]);
      const mark = markOf(letters.join(''));
      const key = keyOf(this.#ownerOf(run), mark);
      if (this.#places.has(key) || this.#made.has(key)) continue;
      this.#made.add(key);
      dropOldest(this.#made, MAX_MADE);
      return mark;
    }
  }

  /** The facts of these marks that are known, in the run or in its conversation. */
  async lookUp(
    { run, conversation }: FactOwner,
    marks: readonly string[],
    entry: (sequence: number) => Promise<Entry | undefined>,
  ): Promise<Map<string, string>> {
    const owners = [conversation, this.#ownerOf(run), run].filter((owner) => owner !== '');
    const known = new Map<string, string>();
    for (const mark of marks) {
      const place = owners.map((owner) => this.#places.get(keyOf(owner, mark))).find((one) => one !== undefined);
      const text = place && (place.text ?? (await textAt(place.sequence, mark, entry)));
      if (text !== undefined) known.set(mark, text);
    }
    return known;
  }

  #ownerOf(run: string): string {
    return this.#conversations.get(run) ?? run;
  }

  #remember(ask: { readonly run: string; readonly conversation: string } | undefined): void {
    if (!ask) return;
    this.#conversations.set(ask.run, ask.conversation);
    dropOldest(this.#conversations, MAX_RUNS);
  }

  #add(run: string, mark: string, text: string, sequence: number): void {
    const key = keyOf(this.#ownerOf(run), mark);
    this.#made.delete(key);
    this.#forget(key);
    this.#places.set(key, { sequence, text });
    this.#held.add(key);
    this.#chars += text.length;
    for (const oldest of this.#held) {
      if (this.#chars <= MAX_CHARS) break;
      this.#release(oldest);
    }
    if (this.#places.size <= MAX_FACTS) return;
    const [first = ''] = this.#places.keys();
    this.#forget(first);
  }

  #release(key: string): void {
    const place = this.#places.get(key);
    if (!this.#held.delete(key) || !place) return;
    this.#chars -= place.text?.length ?? 0;
    place.text = undefined;
  }

  #forget(key: string): void {
    this.#release(key);
    this.#places.delete(key);
  }
}

const keyOf = (owner: string, mark: string): string => `${owner}\0${mark}`;

async function textAt(
  sequence: number,
  mark: string,
  entry: (sequence: number) => Promise<Entry | undefined>,
): Promise<string | undefined> {
  const found = await entry(sequence);
  if (found?.record.case !== 'toolOutcome') return undefined;
  return found.record.value.facts.find((fact) => fact.mark === mark)?.text;
}
