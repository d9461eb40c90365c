// What a program printed, as people read it: its own text on the stream that it came from. What is no UTF-8 is left to the JSON.
import { TextDecoder } from 'node:util';
import type { Message } from '@bufbuild/protobuf';
import type { Printer } from './output.ts';

interface Output {
  readonly stream: number;
  readonly data: Uint8Array;
}

/** OUTPUT_STREAM_STDERR, the same in every capability that runs programs. */
const STDERR = 2;

export class RunOutput {
  readonly #out: Printer;
  readonly #err: Printer;
  /** A piece may end within a character. */
  readonly #decoders = new Map<number, TextDecoder>();
  /** Whether a line is open. */
  #open = false;

  constructor(out: Printer, err: Printer) {
    this.#out = out;
    this.#err = err;
  }

  /** Prints a piece of output; false for what is none, or no text. */
  print(message: Message): boolean {
    const output = outputOf(message);
    const text = output && this.#decode(output);
    if (output === undefined || text === undefined) {
      if (this.#open) this.#out.line();
      this.#open = false;
      return false;
    }
    (output.stream === STDERR ? this.#err : this.#out).text(text);
    if (text !== '') this.#open = !text.endsWith('\n');
    return true;
  }

  #decode({ stream, data }: Output): string | undefined {
    const decoder = this.#decoders.get(stream) ?? new TextDecoder('utf-8', { fatal: true });
    this.#decoders.set(stream, decoder);
    try {
      return decoder.decode(data, { stream: true });
    } catch {
      this.#decoders.delete(stream);
      return undefined;
    }
  }
}

function outputOf(message: Message): Output | undefined {
  const { event } = message as Message & { readonly event?: { readonly case?: string; readonly value?: unknown } };
  return event?.case === 'output' ? (event.value as Output) : undefined;
}
