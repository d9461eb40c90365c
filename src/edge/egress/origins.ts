// Where a response message comes from. Tools say it, the gate asks; what has no origin has no grant.
import type { Message } from '@bufbuild/protobuf';
import type { SizeClass } from '../../../gen/bowline/run/v1/run_pb.ts';
import { PIPED_NAME } from '../../contract/piped-name.ts';
import type { WithheldWord } from '../../contract/withheld.ts';
import type { FileOrigin } from '../files/file-origin.ts';

/** A command that the owner allowed. */
export interface CommandOrigin {
  readonly kind: 'command';
  /** First word, without its folder. */
  readonly name: string;
  /** Standing permission of its entry in config.yaml, e.g. `config:execute/3f2a…`; undefined: nothing may leave. */
  readonly grant: string | undefined;
}

/** A server of the local network that the owner allowed. */
export interface HostOrigin {
  readonly kind: 'host';
  /** Of its entry. */
  readonly name: string;
  /** Standing permission of its entry in config.yaml; undefined: nothing may leave. */
  readonly grant: string | undefined;
}

/** Several files: fields computed over all of them need a grant for each. */
export interface ManyOrigin {
  readonly kind: 'many';
  readonly name: string;
  readonly files: readonly FileOrigin[];
  /** Whether anything else went in that no grant can cover. */
  readonly more: boolean;
}

export type Origin = FileOrigin | CommandOrigin | HostOrigin | ManyOrigin;

/** Something that was left out on purpose, to be listed as withheld. */
export interface Note {
  readonly field: string;
  readonly why: WithheldWord;
  readonly name: string;
  readonly size: SizeClass;
  readonly hint: string;
}

/** What a mark in a response stands for on the box. */
export interface MarkedFact {
  readonly mark: string;
  readonly text: string;
}

export class Origins {
  readonly #of = new WeakMap<Message, Origin>();
  readonly #marked = new WeakSet<Message>();
  /** To be journaled before the response leaves. */
  readonly facts: MarkedFact[] = [];
  readonly notes: Note[] = [];

  /** Returns the message, for use in expressions. */
  set<M extends Message>(message: M, origin: Origin): M {
    this.#of.set(message, origin);
    return message;
  }

  get(message: Message): Origin | undefined {
    return this.#of.get(message);
  }

  /** Its content is shown to the owner through the mark in it: what of that stays on the box is not listed as withheld. */
  fact(message: Message, fact: MarkedFact): void {
    this.#marked.add(message);
    this.facts.push(fact);
  }

  isMarked(message: Message): boolean {
    return this.#marked.has(message);
  }

  note(note: Note): void {
    if (this.notes.length < 1000) this.notes.push(note);
  }
}

/** The words to add to the command so that a file is shared. */
export const shareHint = (name: string): string =>
  name === PIPED_NAME ? 'pipe it in again' : `--share '${name.replaceAll("'", `'\\''`)}'`;

/** What helps where so many bytes do not fit what is left of a day: of what no day has room for, no midnight does. */
export const dayCapHint = (bytes: number, limit: number): string =>
  bytes > limit
    ? 'it is larger than what may leave on any day: raise limits.egress_day_bytes in config.yaml'
    : 'wait for midnight, or raise limits.egress_day_bytes in config.yaml';

/** What to change so that the output of a command may leave. */
export const COMMAND_HINT = 'set `output: share` for this command under allow.execute in config.yaml';

/** What to change so that the answers of a server may leave. */
const HOST_HINT = 'set `share: true` for this entry under allow.lan in config.yaml';

/** How to grant what comes from there; empty where no words would. */
export function hintFor(origin: Origin | undefined): string {
  if (!origin || origin.name === '') return '';
  switch (origin.kind) {
    case 'file':
      return shareHint(origin.name);
    case 'command':
      return COMMAND_HINT;
    case 'host':
      return HOST_HINT;
    case 'many':
      return '';
  }
}
