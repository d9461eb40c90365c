// HTTP headers with the interface of the platform's class. The edge's bundle uses it in place of that class, whose first use
// makes Node load its whole web client. It knows no protocol.
import { trimSigns } from './trim-signs.ts';

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What a value cannot contain: NUL and line ends, and what is no byte. */
const BAD_VALUE = /[\0\n\r]|[^\0-\xff]/;
const AROUND = '\t\n\r ';

export type HeadersLike = Iterable<readonly [string, string] | string[]> | Readonly<Record<string, string>>;

/** As `Headers` of the Fetch standard: names without regard to case, iterated sorted, values of one name joined by `, `. */
class CompactHeaders {
  readonly #values = new Map<string, string[]>();

  constructor(init?: HeadersLike | null) {
    if (init === undefined || init === null) return;
    const pairs = Symbol.iterator in init ? (init as Iterable<readonly string[]>) : Object.entries(init);
    for (const pair of pairs) {
      const [name, value, ...more] = pair;
      if (name === undefined || value === undefined || more.length > 0) throw new TypeError('a header is not a pair');
      this.append(name, value);
    }
  }

  append(name: string, value: string): void {
    const [key, text] = [keyOf(name), textOf(name, value)];
    const known = this.#values.get(key);
    if (known) known.push(text);
    else this.#values.set(key, [text]);
  }

  set(name: string, value: string): void {
    this.#values.set(keyOf(name), [textOf(name, value)]);
  }

  get(name: string): string | null {
    return this.#values.get(keyOf(name))?.join(', ') ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(keyOf(name));
  }

  delete(name: string): void {
    this.#values.delete(keyOf(name));
  }

  getSetCookie(): string[] {
    return [...(this.#values.get('set-cookie') ?? [])];
  }

  forEach(callback: (value: string, name: string, parent: CompactHeaders) => void, thisArg?: unknown): void {
    for (const [name, value] of this) callback.call(thisArg, value, name, this);
  }

  *entries(): Generator<[string, string], undefined, unknown> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? [];
      if (name === 'set-cookie') for (const value of values) yield [name, value];
      else yield [name, values.join(', ')];
    }
  }

  *keys(): Generator<string, undefined, unknown> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<string, undefined, unknown> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, string], undefined, unknown> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'Headers';
  }
}

function keyOf(name: string): string {
  const text = String(name);
  if (!NAME.test(text)) throw new TypeError('not the name of a header');
  return text.toLowerCase();
}

function textOf(name: string, value: string): string {
  const text = trimSigns(String(value), AROUND);
  if (BAD_VALUE.test(text)) throw new TypeError(`not a value for the header ${name}`);
  return text;
}

export { CompactHeaders as Headers };
