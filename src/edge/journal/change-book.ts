// Which changes can be taken back: what each replaced, oldest first. Folded from the journal; the bytes are blobs beside it.
import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type ChangeKept, ChangeKeptSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Entry, Fold } from './records.ts';

/** More are forgotten, the oldest first. */
const MOST_CHANGES = 4096;

export interface KeptChange {
  /** The record that it was first. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly record: ChangeKept;
}

export class ChangeBook implements Fold {
  readonly #kept = new Map<number, KeptChange>();
  #dropped: string[] = [];

  /** Oldest first. */
  list(): KeptChange[] {
    return [...this.#kept.values()].sort((a, b) => a.sequence - b.sequence);
  }

  get(sequence: number): KeptChange | undefined {
    return this.#kept.get(sequence);
  }

  /** Names of blobs that a change still needs. */
  blobs(): Set<string> {
    return new Set([...this.#kept.values()].flatMap(({ record }) => record.blob || []));
  }

  /** It cannot be taken back any more. A checkpoint brings it back only as one whose bytes are gone. */
  forget(sequence: number): void {
    const blob = this.#kept.get(sequence)?.record.blob;
    if (blob) this.#dropped.push(blob);
    this.#kept.delete(sequence);
  }

  /** Names of blobs of forgotten changes, each once. */
  pullDropped(): string[] {
    const dropped = this.#dropped;
    this.#dropped = [];
    return dropped;
  }

  /** What a pruned part of the journal, up to `sequence`, must leave behind. */
  upTo(sequence: number): ChangeKept[] {
    const old = this.list().filter((change) => change.sequence <= sequence);
    return old.map((change) => create(ChangeKeptSchema, { ...change.record, sequence: BigInt(change.sequence) }));
  }

  apply({ sequence, at, record }: Entry): void {
    if (record.case === 'changeKept') this.#put(sequence, at, record.value);
    else if (record.case === 'checkpoint')
      for (const change of record.value.changes) this.#put(Number(change.sequence), at, change);
  }

  #put(sequence: number, at: number, record: ChangeKept): void {
    if (this.#kept.has(sequence)) return;
    const { createTime } = record;
    this.#kept.set(sequence, { sequence, at: createTime ? timestampMs(createTime) : at, record });
    if (this.#kept.size > MOST_CHANGES) this.forget(Math.min(...this.#kept.keys()));
  }
}
