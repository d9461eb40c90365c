// The body of a call as it comes, message by message: each is measured before the library decodes it, so that no message of a stranger
// takes a turn that is too long. What is compressed is measured by `measured`, once the library has unpacked it.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DescMessage } from '@bufbuild/protobuf';
import { fixedLimit } from '../base/fixed-limit.ts';
import { jsonProblem } from '../base/json-meter.ts';
import { toConnectError } from './errors.ts';
import { messageTooLarge } from './session/call-broken.ts';
import { mustFitLoop, type WireBounds } from './wire-meter.ts';

export interface BodyForm {
  readonly schema: DescMessage;
  /** Messages are JSON. */
  readonly json: boolean;
  /** Five bytes before each message say how long it is. */
  readonly enveloped: boolean;
  /** What one message may hold; default: what one turn can decode. */
  readonly bounds?: WireBounds;
}

/** What one turn can parse, and make a message of. */
const JSON_BOUNDS = { letters: 2 << 20, values: 40_000, depth: 100 };

/** Every content type that is served, by its one form (`settleHeaders`). */
const FORMS: ReadonlyMap<string, Omit<BodyForm, 'schema'>> = new Map([
  ...['grpc', 'grpc+proto', 'grpc-web', 'grpc-web+proto', 'connect+proto'].map(named(false, true)),
  ...['grpc+json', 'grpc-web+json', 'connect+json'].map(named(true, true)),
  ...['proto'].map(named(false, false)),
  ...['json'].map(named(true, false)),
]);

function named(json: boolean, enveloped: boolean) {
  return (name: string) => [`application/${name}`, { json, enveloped }] as const;
}

/** The form that a content type names; undefined for one that nobody knows, whose body must not be read. */
export function bodyForm(schema: DescMessage, contentType: string | null): BodyForm | undefined {
  const form = FORMS.get(contentType ?? '');
  return form && { schema, ...form };
}

const forms = new AsyncLocalStorage<BodyForm>();

/** Runs `work`, within which `measureUnpacked` knows of what form messages are. */
export const withForm = <T>(form: BodyForm, work: () => T): T => forms.run(form, work);

/** Measures a message that came compressed. */
export function measureUnpacked(bytes: Uint8Array): void {
  const form = forms.getStore();
  if (form) measure(form, bytes);
}

function measure({ schema, json, bounds }: BodyForm, bytes: Uint8Array): void {
  try {
    if (json) mustFitTurnAsJson(schema, bytes);
    else mustFitLoop(schema, bytes, bounds);
  } catch (error) {
    throw toConnectError(error);
  }
}

function mustFitTurnAsJson(schema: DescMessage, bytes: Uint8Array): void {
  const { letters, values, depth } = JSON_BOUNDS;
  if (bytes.length <= letters && jsonProblem(new TextDecoder().decode(bytes), JSON_BOUNDS) === undefined) return;
  const most = `${letters} bytes, ${values} values and ${depth} lists in each other`;
  throw fixedLimit(`a ${schema.name} in JSON`, most, 'send less at once, or send protobuf');
}

const HEAD = 5;
/** Whether a message of this head is compressed. */
const PACKED = 1;

/** What is told of a body while a message of it has begun. */
export interface BegunBody {
  /** Bytes of the first message. */
  readonly mostFirst: number;
  /** What is thrown for a first one that is larger. */
  readonly tooLarge: (bytes: number, most: number) => Error;
  /** Bytes that are held now. */
  readonly onHeld: (bytes: number) => void;
}

/** What a piece takes beside its bytes. */
const PIECE_BYTES = 128;

/** The same bytes. Ends with RESOURCE_EXHAUSTED before a message that one turn cannot decode, or of more than `most` bytes. */
export function measuredBody(
  body: AsyncIterable<Uint8Array>,
  form: BodyForm,
  most: number,
  begun?: BegunBody,
): AsyncIterableIterator<Uint8Array> {
  let first = true;
  const tell = () => begun?.onHeld(held.length === 0 ? 0 : bytes + PIECE_BYTES * held.length);
  const pieces = body[Symbol.asyncIterator]();
  let held: Uint8Array[] = [];
  let bytes = 0;
  /** Bytes that must have come before anything is measured. */
  let wanted = form.enveloped ? HEAD : Number.POSITIVE_INFINITY;
  /** Thrown once what was whole before it is given. */
  let refusal: Error | undefined;

  /** Keeps nothing any more. */
  const drop = () => {
    held = [];
    tell();
  };

  /** What is held, where it ends with a whole message; the beginning of the next one is kept. */
  const whole = (): Uint8Array | undefined => {
    const all = held.length === 1 ? held[0]! : Buffer.concat(held);
    let at = 0;
    while (all.length - at >= HEAD) {
      const length = new DataView(all.buffer, all.byteOffset + at, HEAD).getUint32(1);
      if (first && begun && length > begun.mostFirst) {
        refusal = begun.tooLarge(length, begun.mostFirst);
        break;
      }
      if (length > most) {
        refusal = messageTooLarge(length, most);
        break;
      }
      const end = at + HEAD + length;
      wanted = end - at;
      if (end > all.length) break;
      if (((all[at] ?? 0) & PACKED) === 0) measure(form, all.subarray(at + HEAD, end));
      at = end;
      first = false;
      wanted = HEAD;
    }
    held = at < all.length ? [all.subarray(at)] : [];
    bytes = all.length - at;
    return at > 0 ? all.subarray(0, at) : undefined;
  };

  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      for (;;) {
        if (refusal) {
          drop();
          throw refusal;
        }
        tell();
        const next = await pieces.next();
        if (next.done) {
          const rest = Buffer.concat(held);
          drop();
          if (rest.length === 0) return next;
          if (!form.enveloped) measure(form, rest);
          return { done: false, value: rest };
        }
        held.push(next.value);
        bytes += next.value.length;
        if (!form.enveloped && bytes > most) refusal = messageTooLarge(bytes, most);
        const given = bytes >= wanted ? whole() : undefined;
        if (given) return { done: false, value: given };
      }
    },
    async return(value) {
      drop();
      return (await pieces.return?.(value)) ?? { done: true, value };
    },
    // The library ends a stream with the reason why it is of no more use.
    async throw(error) {
      drop();
      if (!pieces.throw) throw error;
      return pieces.throw(error);
    },
  };
}
