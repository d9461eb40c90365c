// Takes apart the body of an answer, as bytes come: the data of server-sent events, or JSON where a server does not stream. Bounded
// and linear; comments and other fields are left out. What one turn could not parse ends it.
import { AppError } from '../../../../../base/errors.ts';
import { jsonProblem, ONE_TURN } from '../../../../../base/json-meter.ts';

/** Letters of one event. */
const MOST_LETTERS = ONE_TURN.letters;
const MOST_LINES = ONE_TURN.values;

export class EventReader {
  readonly #provider: string;
  readonly #decoder = new TextDecoder();
  /** Of the line that is not whole. */
  #line: string[] = [];
  #lineLetters = 0;
  #data: string[] = [];
  #dataLetters = 0;
  /** The body is JSON, not events. */
  #plain: boolean | undefined;
  #afterReturn = false;

  constructor(provider: string) {
    this.#provider = provider;
  }

  /** The events that these bytes complete. Throws PROVIDER_UNAVAILABLE for one beyond every bound. */
  push(bytes: Uint8Array): string[] {
    return this.#receive(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What is left at the end: an event without its empty line, or the JSON. */
  end(): string[] {
    const events = this.#receive(this.#decoder.decode());
    const last = this.#whole();
    if (this.#plain) {
      this.#data.push(last);
      const body = this.#data.join('\n');
      return (this.#isJson(body) ? [body] : body.split('\n').filter((line) => line.trim() !== '')).map((line) =>
        this.#parsable(line),
      );
    }
    this.#field(last, events);
    this.#field('', events);
    return events;
  }

  #receive(text: string): string[] {
    const events: string[] = [];
    if (text === '') return events;
    this.#plain ??= /^[\s\ufeff]*[{[]/.test(text) ? true : text.trim() === '' ? undefined : false;
    let start = 0;
    for (let at = 0; at < text.length; at++) {
      const letter = text.charCodeAt(at);
      if (letter === 10 && this.#afterReturn && at === start) start++;
      else if (letter === 10 || letter === 13) {
        this.#add(text.slice(start, at));
        start = at + 1;
        const line = this.#whole();
        if (this.#plain) this.#keep(line);
        else this.#field(line, events);
      }
      this.#afterReturn = letter === 13;
    }
    this.#add(text.slice(start));
    return events;
  }

  /** One line of an event; an empty one completes it. So does the next event, for servers that leave the empty line away. */
  #field(line: string, events: string[]): void {
    if (line === '') this.#complete(events);
    if (!line.startsWith('data:')) return;
    const data = line.slice(line[5] === ' ' ? 6 : 5);
    // No JSON goes on so.
    if (this.#data.at(-1)?.endsWith('}') && /^(?:\{|\[DONE\])/.test(data)) this.#complete(events);
    this.#keep(data);
  }

  #complete(events: string[]): void {
    if (this.#data.length > 0) events.push(this.#parsable(this.#data.join('\n')));
    this.#data = [];
    this.#dataLetters = 0;
  }

  #keep(line: string): void {
    this.#dataLetters += line.length + 1;
    this.#mustFit(this.#dataLetters);
    if (this.#data.push(line) > MOST_LINES) throw this.#tooMuch(`more than ${MOST_LINES} lines`);
  }

  #add(part: string): void {
    if (part === '') return;
    this.#lineLetters += part.length;
    this.#mustFit(this.#lineLetters);
    this.#line.push(part);
  }

  #whole(): string {
    const line = this.#line.join('');
    this.#line = [];
    this.#lineLetters = 0;
    return line;
  }

  #mustFit(letters: number): void {
    if (letters > MOST_LETTERS) throw this.#tooMuch(`more than ${MOST_LETTERS} letters`);
  }

  #parsable(data: string): string {
    const problem = jsonProblem(data);
    if (problem !== undefined) throw this.#tooMuch(problem);
    return data;
  }

  #isJson(text: string): boolean {
    if (jsonProblem(text) !== undefined) return false;
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }

  #tooMuch(problem: string): AppError {
    return new AppError('PROVIDER_UNAVAILABLE', {
      provider: this.#provider,
      problem: `one event of its answer has ${problem}`,
    });
  }
}
