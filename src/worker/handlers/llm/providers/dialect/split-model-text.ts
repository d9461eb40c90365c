// Takes apart what a model writes as text, piece by piece: its answer, its thoughts, its tool calls. Linear: each letter is looked at
// a bounded number of times, and what may be the beginning of a mark waits for its rest.
import { CALLS, HARMONY, THOUGHTS } from './dialects.ts';

export type Said =
  | { readonly kind: 'text' | 'thought'; readonly text: string }
  /** A tool call as it was written; `header` is what names the tool outside of it. */
  | { readonly kind: 'call'; readonly text: string; readonly header?: string };

export interface SplitOptions {
  /** Tools were offered: calls in the text are read. */
  readonly calls: boolean;
  /** The answer begins within its thoughts. */
  readonly thinksFirst: boolean;
}

type Mode =
  | { readonly in: 'start' | 'held' | 'text' }
  | { readonly in: 'thought'; readonly close: string }
  | { readonly in: 'call'; readonly close?: string | undefined }
  | { readonly in: 'header' }
  | { readonly in: 'message'; readonly as: 'text' | 'thought' | 'call'; readonly header: string };

/** Letters of a tool call or of what is held back; more is text. */
const MOST = 1 << 20;
const OPENS = [...THOUGHTS.map(({ open }) => open), ...HARMONY.begins];
const CLOSE = anyOf(THOUGHTS.map(({ close }) => close));
const CALL = anyOf(CALLS.map(({ open }) => open));
const CALL_OR_CHANNEL = anyOf([...CALLS.map(({ open }) => open), ...HARMONY.begins]);
const CHANNEL = anyOf(HARMONY.begins);
const MESSAGE = anyOf([HARMONY.message]);
const MESSAGE_END = anyOf(HARMONY.ends);
const CLOSE_OF = new Map(
  [...THOUGHTS, ...CALLS].flatMap(({ close }) => (close === undefined ? [] : [[close, anyOf([close])] as const])),
);
/** Letters of the longest mark. */
const LONGEST = 24;
/** Blanks before an answer that are waited through. */
const BLANKS = 1024;

export class TextSplitter {
  /** An answer closed thoughts that it had not opened. */
  unopened = false;
  readonly #options: SplitOptions;
  #mode: Mode = { in: 'start' };
  /** What is not decided yet. */
  #rest = '';
  /** Pieces of the beginning, as they came, and their last letters. */
  #held: string[] = [];
  #heldLetters = 0;
  #tail = '';
  /** Thoughts were closed. */
  #closed = false;
  /** Of a call or a header that is not closed yet. */
  #inside: string[] = [];
  #insideLetters = 0;

  constructor(options: SplitOptions) {
    this.#options = options;
    if (options.thinksFirst) this.#mode = { in: 'held' };
  }

  /** Whether the beginning is held back only for want of knowledge of the model. */
  get isHeld(): boolean {
    return this.#mode.in === 'held' && !this.#options.thinksFirst;
  }

  /** Nothing more is held back. */
  release(): Said[] {
    const out: Said[] = [];
    if (this.isHeld) {
      this.#release(out);
      this.#mode = { in: 'text' };
    }
    return out;
  }

  push(piece: string): Said[] {
    const out: Said[] = [];
    this.#rest += piece;
    while (this.#step(out));
    return out;
  }

  /** What is left when the answer is whole. */
  end(): Said[] {
    const out: Said[] = [];
    const rest = this.#rest;
    this.#rest = '';
    switch (this.#mode.in) {
      case 'start':
      case 'held':
        this.#release(out);
        say(out, 'text', rest);
        break;
      case 'text':
        say(out, 'text', rest);
        break;
      case 'thought':
        say(out, 'thought', rest);
        break;
      case 'message':
        if (this.#mode.as === 'call') out.push({ kind: 'call', text: this.#pull(rest), header: this.#mode.header });
        else say(out, this.#mode.as, rest);
        break;
      case 'call':
        out.push({ kind: 'call', text: this.#pull(rest) });
        break;
    }
    return out;
  }

  /** Decides one part of the rest; false when more must come first. */
  #step(out: Said[]): boolean {
    const mode = this.#mode;
    if (this.#rest === '') return false;
    switch (mode.in) {
      case 'start':
        return this.#begin();
      case 'held':
        return this.#hold(out);
      case 'text': {
        const marks = this.#options.calls ? CALL_OR_CHANNEL : CHANNEL;
        const found = this.#until(marks, (text) => say(out, 'text', text));
        if (found === undefined) return false;
        const call = CALLS.find(({ open }) => open === found);
        this.#mode = call ? { in: 'call', close: call.close } : { in: 'header' };
        return true;
      }
      case 'thought': {
        const found = this.#until(CLOSE_OF.get(mode.close)!, (text) => say(out, 'thought', text));
        if (found === undefined) return false;
        // Another thought may follow at once; blanks between thoughts and answer belong to neither.
        this.#mode = { in: 'start' };
        return true;
      }
      case 'call': {
        if (mode.close === undefined) {
          this.#add(this.#rest, out);
          this.#rest = '';
          return false;
        }
        const found = this.#until(CLOSE_OF.get(mode.close)!, (text) => this.#add(text, out));
        if (found === undefined) return false;
        out.push({ kind: 'call', text: this.#pull('') });
        this.#mode = { in: 'text' };
        return true;
      }
      case 'header': {
        const found = this.#until(MESSAGE, (text) => this.#add(text, out));
        if (found === undefined) return false;
        const header = this.#pull('');
        this.#mode = { in: 'message', as: channelOf(header, this.#options.calls), header };
        return true;
      }
      case 'message': {
        const found = this.#until(MESSAGE_END, (text) => {
          if (mode.as === 'call') this.#add(text, out);
          else say(out, mode.as, text);
        });
        if (found === undefined) return false;
        if (mode.as === 'call') out.push({ kind: 'call', text: this.#pull(''), header: mode.header });
        this.#mode = found === '<|start|>' || found === '<|channel|>' ? { in: 'header' } : { in: 'start' };
        return true;
      }
    }
  }

  /** The first letters: an opening of thoughts, a channel, or an answer. */
  #begin(): boolean {
    const text = this.#rest.trimStart();
    const open = OPENS.find((mark) => text.startsWith(mark));
    if (open !== undefined) {
      this.#rest = text.slice(open.length);
      const thought = THOUGHTS.find((each) => each.open === open);
      this.#mode = thought ? { in: 'thought', close: thought.close } : { in: 'header' };
      return true;
    }
    const undecided = text === '' || OPENS.some((mark) => mark.startsWith(text));
    if (undecided && this.#rest.length < BLANKS) return false;
    this.#mode = { in: this.#closed ? 'text' : 'held' };
    // After thoughts, blanks before the answer are left out; of an answer without them nothing is.
    if (this.#closed) this.#rest = text;
    return true;
  }

  /** The beginning may turn out to have been thoughts whose opening is missing. */
  #hold(out: Said[]): boolean {
    const piece = this.#rest;
    const seen = this.#tail + piece;
    const at = CLOSE.pattern.exec(seen);
    if (at) {
      const before = this.#held.join('') + piece;
      const end = this.#heldLetters - this.#tail.length + at.index;
      say(out, 'thought', before.slice(0, end));
      this.#held = [];
      this.#rest = before.slice(end + at[0].length);
      this.unopened = true;
      this.#closed = true;
      this.#mode = { in: 'start' };
      return true;
    }
    const { calls, thinksFirst } = this.#options;
    const most = thinksFirst ? MOST : HELD;
    if ((calls && CALL.pattern.test(seen)) || CHANNEL.pattern.test(seen)) {
      // Its mark may have begun in what is held.
      this.#rest = this.#held.join('') + piece;
      this.#held = [];
      this.#mode = { in: 'text' };
      return true;
    }
    if (this.#heldLetters + piece.length > most) {
      this.#release(out);
      this.#mode = { in: 'text' };
      return true;
    }
    this.#held.push(piece);
    this.#heldLetters += piece.length;
    this.#tail = seen.slice(-LONGEST);
    this.#rest = '';
    return false;
  }

  #release(out: Said[]): void {
    for (const piece of this.#held) say(out, 'text', piece, true);
    this.#held = [];
  }

  /** Passes on what stands before the first of the marks; what may be the beginning of one stays. */
  #until(marks: Marks, pass: (text: string) => void): string | undefined {
    const at = marks.pattern.exec(this.#rest);
    if (at) {
      if (at.index > 0) pass(this.#rest.slice(0, at.index));
      this.#rest = this.#rest.slice(at.index + at[0].length);
      if (this.#mode.in === 'thought' || this.#mode.in === 'message') this.#closed = true;
      return at[0];
    }
    const keep = marks.beginning(this.#rest);
    const safe = this.#rest.slice(0, this.#rest.length - keep);
    this.#rest = this.#rest.slice(this.#rest.length - keep);
    if (safe !== '') pass(safe);
    return undefined;
  }

  #add(text: string, out: Said[]): void {
    this.#insideLetters += text.length;
    if (this.#insideLetters > MOST) {
      say(out, 'text', this.#pull(text));
      return;
    }
    this.#inside.push(text);
  }

  #pull(more: string): string {
    const text = this.#inside.join('') + more;
    this.#inside = [];
    this.#insideLetters = 0;
    return text;
  }
}

/** Letters of a beginning that are held back where nothing is known of the model. */
const HELD = 16_384;

/** A neighbour of the same kind is joined, unless the pieces are to stay as they came. */
function say(out: Said[], kind: 'text' | 'thought', text: string, apart = false): void {
  if (text === '') return;
  const last = out.at(-1);
  if (!apart && last?.kind === kind) out[out.length - 1] = { kind, text: last.text + text };
  else out.push({ kind, text });
}

function channelOf(header: string, calls: boolean): 'text' | 'thought' | 'call' {
  if (/\bto=/.test(header)) return calls ? 'call' : 'thought';
  return /\bfinal\b/.test(header) || !/\b(?:analysis|commentary)\b/.test(header) ? 'text' : 'thought';
}

interface Marks {
  readonly pattern: RegExp;
  /** Letters at the end of a text that may be the beginning of a mark. */
  readonly beginning: (text: string) => number;
}

/** The first of some marks; an alternation of fixed words, which takes a time in the length of the text. */
function anyOf(marks: readonly string[]): Marks {
  const pattern = new RegExp(marks.map((mark) => mark.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'), 'u');
  const beginning = (text: string): number => {
    let most = 0;
    for (const mark of marks) {
      for (let letters = Math.min(mark.length - 1, text.length); letters > most; letters--) {
        if (text.endsWith(mark.slice(0, letters))) most = letters;
      }
    }
    return most;
  };
  return { pattern, beginning };
}
