// One process that reads documents, one at a time. What goes wrong with it is told once, and then it is no longer used.
import { type FramedMessage, FramedReader } from '../../base/framed-messages.ts';
import type { DocumentInput } from './document.ts';
import { encodeInput, toResult } from './messages.ts';
import type { ParserLink, StartParser } from './parser-link.ts';
import type { ReadResult } from './read-document.ts';

/** Bytes of one answer: text of the largest size in UTF-8, JSON's escapes, links. */
const ANSWER_BYTES = 32 << 20;

/** It answered, or it ended: by whose hand, as far as that is known. */
export type ParserAnswer = ReadResult | { readonly lost: string };

export class ParserProcess {
  /** Whose documents it has read; undefined as long as it has read none. */
  owner: string | undefined;
  /** Documents that it was given. */
  documents = 0;
  readonly #link: ParserLink;
  readonly #reader = new FramedReader(ANSWER_BYTES);
  readonly #ready: Promise<string | undefined>;
  #answered: ((answer: ParserAnswer) => void) | undefined;
  #over: string | undefined;
  #begun: () => void = () => {};

  constructor(start: StartParser, onEnd: () => void) {
    this.#link = start((data) => this.#see(data));
    const begun = new Promise<undefined>((resolve) => {
      this.#begun = () => resolve(undefined);
    });
    this.#ready = Promise.race([begun, this.#link.ended]);
    void this.#link.ended.then((why) => {
      this.#end(why);
      onEnd();
    });
  }

  get over(): boolean {
    return this.#over !== undefined;
  }

  /** Resolves when it can read; with why it never will otherwise. */
  ready(): Promise<string | undefined> {
    return this.#ready;
  }

  /** One document at a time. */
  async read(input: DocumentInput): Promise<ParserAnswer> {
    this.documents++;
    this.owner = input.owner ?? '';
    const lost = await this.#ready;
    if (lost !== undefined || this.#over !== undefined) return { lost: this.#over ?? lost! };
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#link.input.write(encodeInput(input));
    });
  }

  /** Ends it; a document that it is reading is answered as lost. */
  kill(why: string): void {
    this.#end(why);
    this.#link.kill();
  }

  ended(): Promise<unknown> {
    return this.#link.ended;
  }

  #see(data: Uint8Array): void {
    if (this.#over !== undefined) return;
    const messages = this.#reader.add(Buffer.from(data));
    if (messages) for (const message of messages) this.#receive(message);
    else this.kill('its answer is none');
  }

  #receive(message: FramedMessage): void {
    this.#begun();
    const answered = this.#answered;
    if (!answered) return;
    this.#answered = undefined;
    const result = toResult(message);
    if (result) answered(result);
    else {
      answered({ lost: 'its answer is none' });
      this.kill('its answer is none');
    }
  }

  #end(why: string): void {
    this.#over ??= why;
    this.#answered?.({ lost: this.#over });
    this.#answered = undefined;
  }
}
