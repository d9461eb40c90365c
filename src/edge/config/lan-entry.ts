// The entries of config.yaml for servers of the local network: what may be asked of which, and with what. Judges their form.
import * as v from 'valibot';
import { bareHost, portOf } from '../../base/host.ts';
import { SECRET_SCHEME, secretNamed } from '../../base/secret-files.ts';
import { addressKind, mayConnect } from './local-address.ts';

/** Methods that an entry may permit. */
export const LAN_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type LanMethod = (typeof LAN_METHODS)[number];

/** Headers that say where a message begins and ends, whom it is for, or what its body is: not for an entry to set. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'content-type', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'te'],
  ...['trailer', 'expect', 'accept-encoding', 'proxy-authorization', 'proxy-connection'],
]);
const HEADER_NAME = /^[A-Za-z0-9-]{1,64}$/;
/** Visible ASCII and spaces: nothing that ends a header. */
const HEADER_VALUE = /^[\x20-\x7e]{1,2048}$/;

const header = v.pipe(
  v.string(),
  v.regex(HEADER_VALUE, 'use one line of ASCII'),
  v.check(
    (text) => headerSecret(text) !== undefined || !text.includes(SECRET_SCHEME),
    'the handle of a secret stands last, e.g. `Bearer secret://NAME`, with a name of lower-case letters, digits, `_` and `-`',
  ),
);

/** What stands before the handle at the end of a header's value, and the handle; undefined where there is none. */
export function headerSecret(value: string): { readonly before: string; readonly handle: string } | undefined {
  const at = value.indexOf(SECRET_SCHEME);
  if (at < 0 || secretNamed(value.slice(at)) === undefined) return undefined;
  return { before: value.slice(0, at), handle: value.slice(at) };
}

const entry = v.pipe(
  v.strictObject({
    /** What URLs begin with that mean it, and what it is called everywhere. */
    name: v.pipe(
      v.string(),
      v.regex(/^[a-z][a-z0-9-]{0,31}$/, 'use a lower-case letter, then letters, digits and `-`'),
    ),
    /** Scheme, host, port, and the path that all that is asked lies below. */
    url: v.string(),
    methods: v.pipe(v.array(v.picklist(LAN_METHODS)), v.minLength(1)),
    /** `act`: its server changes something on a GET, so that the owner is asked for one as for a POST. */
    get: v.optional(v.picklist(['read', 'act']), 'read'),
    confirm: v.optional(v.picklist(['never', 'first', 'always']), 'always'),
    /** Whether what its server answers may leave the box. */
    share: v.optional(v.boolean(), false),
    /** Headers that are put in; a value may end with `secret://NAME`. */
    headers: v.optional(v.record(v.pipe(v.string(), v.regex(HEADER_NAME)), header), {}),
    /** Certificates that vouch for its server, in a PEM file. */
    ca: v.optional(v.pipe(v.string(), v.minLength(1))),
    /** SHA-256 of the certificate of its server, instead of somebody who vouches for it. */
    pin: v.optional(
      v.pipe(
        v.string(),
        v.transform((text) => text.replaceAll(':', '').toLowerCase()),
        v.regex(/^[0-9a-f]{64}$/, 'use the SHA-256 of the certificate, as 64 hexadecimal digits'),
      ),
    ),
    /** Time for the whole of one request. */
    seconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(120)), 10),
    /** Most bytes of an answer's body. */
    bytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1 << 20)), 256 << 10),
  }),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const { url: text, ...rest } = dataset.value;
    const place = placeOf(text);
    const wrong = typeof place === 'string' ? place : problemOf(rest, place);
    if (typeof place !== 'string' && wrong === undefined) return { ...rest, ...place };
    addIssue({ message: wrong ?? '' });
    return NEVER;
  }),
);

export const lanEntries = v.pipe(
  v.array(entry),
  v.maxLength(64),
  v.check((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two entries have the same name'),
);

/** A server of the local network with what may be asked of it. */
export type LanEntry = v.InferOutput<typeof entry>;

/** A URL taken apart. */
interface LanPlace {
  /** As it is written, e.g. `http://192.168.1.20:8123`. */
  readonly origin: string;
  readonly scheme: 'http' | 'https';
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Without a slash at its end; empty for all. */
  readonly path: string;
}

/** The place, or what is wrong with it. */
function placeOf(text: string): LanPlace | string {
  if (!URL.canParse(text)) return `\`url\`: \`${text}\` is no URL; write it as \`http://HOST:PORT/PATH\``;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return '`url` must begin with `http://` or `https://`';
  if (url.username !== '' || url.password !== '')
    return '`url` must not hold a user; put `Authorization: Basic secret://NAME` among `headers`';
  if (url.search !== '' || url.hash !== '') return '`url` must not have a query or a fragment';
  if (/[%;]/.test(url.pathname)) return '`url` must have a plain path';
  // Written otherwise it could be read otherwise: another base of numbers, letters that look alike, dots, a port that says nothing.
  if (text !== url.href && `${text}/` !== url.href) return `\`url\`: write \`${text}\` as \`${url.href}\``;
  const host = bareHost(url.hostname);
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  if (isAddress(host) && !mayConnect(host, host))
    return `\`url\`: \`${host}\` is no address of the local network (${addressKind(host)})`;
  return { origin: url.origin, scheme, host, port: portOf(url), path: url.pathname.replace(/\/$/, '') };
}

/** Whether an entry means the server of this URL. */
export function isPlaceOf({ host, port }: Pick<LanPlace, 'host' | 'port'>, text: string): boolean {
  const url = new URL(text);
  return bareHost(url.hostname) === host && portOf(url) === port;
}

const isAddress = (host: string): boolean => /^[0-9.]+$/.test(host) || host.includes(':');

function problemOf(
  entry: {
    readonly methods: readonly LanMethod[];
    readonly get: 'read' | 'act';
    readonly headers: Readonly<Record<string, string>>;
    readonly ca?: string | undefined;
    readonly pin?: string | undefined;
  },
  { scheme }: LanPlace,
): string | undefined {
  const { methods, get, headers, ca, pin } = entry;
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  const own = names.find((name) => OWN_HEADERS.has(name));
  if (own !== undefined) return `\`headers\`: \`${own}\` is set by the edge itself`;
  if (new Set(names).size !== names.length) return '`headers` names one header twice';
  if (get === 'act' && !methods.includes('GET')) return '`get: act` needs `GET` among `methods`';
  if (ca !== undefined && pin !== undefined) return 'give `ca` or `pin`, not both';
  if (scheme === 'http' && (ca ?? pin) !== undefined) return '`ca` and `pin` are for `https://`';
  return undefined;
}
