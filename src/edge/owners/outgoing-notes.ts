// What the box says to keys of its owner: the newest note for each key and thing, said again in each session. It makes no note and judges
// none; what it is given was let out by the gate.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type OwnerNoteTaken,
  OwnerNoteTakenSchema,
  type SealedNote,
  SealedNoteSchema,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';

/** What a session is handed; false when it ended first. */
export type NoteFrame =
  | { readonly case: 'sealedNote'; readonly value: SealedNote }
  | { readonly case: 'ownerNoteTaken'; readonly value: OwnerNoteTaken };
export type SendNote = (frame: NoteFrame) => Promise<boolean>;

interface Note {
  readonly key: string;
  readonly id: string;
  readonly body: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const GONE = new Uint8Array();

export class OutgoingNotes {
  readonly #now: () => number;
  readonly #notes = new Map<string, Note>();
  /** What the session of now has not been handed. */
  #unsaid = new Map<string, Note>();
  #taken: OwnerNoteTaken[] = [];
  #send: SendNote | undefined;
  #sending = false;
  /** Something was said, in whatever session: the control plane may hold it. */
  #ever = false;
  #first = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  get connected(): boolean {
    return this.#send !== undefined;
  }

  /** A session began: all of it is said again. Returns how to end. */
  begin(send: SendNote): () => void {
    this.#prune();
    this.#send = send;
    this.#unsaid = new Map(this.#notes);
    this.#taken = [];
    this.#first = this.#ever || this.#notes.size > 0;
    void this.#go();
    return () => {
      if (this.#send === send) this.#send = undefined;
    };
  }

  /** What an earlier start of the process said may still be held: the next session begins by taking that away. */
  saidBefore(): void {
    this.#ever = true;
  }

  has(key: string, id: string): boolean {
    return this.#notes.has(`${key}/${id}`);
  }

  put(key: string, id: string, body: Uint8Array, expiresAt: number): void {
    const note = { key, id, body, expiresAt };
    this.#prune();
    this.#notes.set(`${key}/${id}`, note);
    this.#say(note);
  }

  drop(key: string, id: string): void {
    if (this.#notes.delete(`${key}/${id}`)) this.#say({ key, id, body: GONE, expiresAt: 0 });
  }

  /** Takes away everything for a key. */
  dropKey(key: string): void {
    for (const note of [...this.#notes.values()]) if (note.key === key) this.drop(note.key, note.id);
  }

  taken(key: string, id: string, sha256: Uint8Array): void {
    if (!this.#send) return;
    this.#taken.push(create(OwnerNoteTakenSchema, { key, id, sha256 }));
    void this.#go();
  }

  #say(note: Note): void {
    if (!this.#send) return;
    this.#unsaid.set(`${note.key}/${note.id}`, note);
    void this.#go();
  }

  async #go(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let next = this.#next(); next && this.#send; next = this.#next()) await this.#send(next);
    } finally {
      this.#sending = false;
    }
  }

  #next(): NoteFrame | undefined {
    if (this.#first) {
      this.#first = false;
      this.#ever = true;
      return { case: 'sealedNote', value: create(SealedNoteSchema, { first: true }) };
    }
    const taken = this.#taken.shift();
    if (taken) return { case: 'ownerNoteTaken', value: taken };
    for (const [place, { expiresAt, ...note }] of this.#unsaid) {
      this.#unsaid.delete(place);
      this.#ever = true;
      const value = create(SealedNoteSchema, { ...note, expireTime: timestampFromMs(expiresAt) });
      return { case: 'sealedNote', value };
    }
    return undefined;
  }

  #prune(): void {
    const now = this.#now();
    for (const [place, { expiresAt }] of this.#notes) if (expiresAt <= now) this.#notes.delete(place);
  }
}
