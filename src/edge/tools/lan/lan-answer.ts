// What a server answered, on its way to the caller: whole with the grant of its entry, else only what tells nothing of it. The secrets of
// this box are masked before anything is cut.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  AnswerKind,
  type LanAnswer,
  LanAnswerSchema,
  ServerVerdict,
} from '../../../../gen/bowline/capability/lan/v1/lan_pb.ts';
import type { LanEntry } from '../../config/lan-entry.ts';
import type { HostOrigin } from '../../egress/origins.ts';
import { sizeClassOf } from '../../files/size-class.ts';
import type { Masker } from '../../secrets/masker.ts';
import { textBeginning } from '../text-beginning.ts';
import type { HttpAnswer } from './lan-exchange.ts';

/** Name of the standing permission of an entry, as it stands in the ledger. Changes when the entry means another place. */
export function lanGrant({ name, origin, path }: Pick<LanEntry, 'name' | 'origin' | 'path'>): string {
  const place = createHash('sha256')
    .update(JSON.stringify([origin, path]))
    .digest('hex')
    .slice(0, 16);
  return `config:lan/${name}/${place}`;
}

export const hostOrigin = (entry: LanEntry): HostOrigin => ({
  kind: 'host',
  name: entry.name,
  grant: entry.share ? lanGrant(entry) : undefined,
});

/** @param masker of the secrets that are known; undefined where there are none */
export function lanAnswer({ share, bytes }: LanEntry, answer: HttpAnswer, masker: Masker | undefined): LanAnswer {
  const { status, contentType, location, truncated } = answer;
  const kind = kindOf(answer);
  const told = { verdict: verdictOf(status), kind, size: sizeClassOf(answer.body.length) };
  if (!share) return create(LanAnswerSchema, told);
  const body = truncated && masker ? masker.sureOf(answer.body) : answer.body;
  const masked = (said: string) => masker?.text(said) ?? said;
  const decoded = textOf({ ...answer, body }, kind);
  const text = decoded === undefined ? undefined : Buffer.from(masked(decoded));
  return create(LanAnswerSchema, {
    ...told,
    status,
    contentType: masked(contentType).slice(0, MOST_TYPE),
    location: masked(location).slice(0, MOST_LOCATION),
    truncated: truncated || (text !== undefined && text.length > bytes),
    ...(text ? { text: textBeginning(text, bytes) } : { data: body }),
  });
}

/** Characters that are told of a media type, and of the place that a server points to. */
const MOST_TYPE = 256;
const MOST_LOCATION = 2048;

function verdictOf(status: number): ServerVerdict {
  if (status < 300) return ServerVerdict.AGREED;
  if (status < 400) return ServerVerdict.ELSEWHERE;
  return status < 500 ? ServerVerdict.REFUSED : ServerVerdict.FAILED;
}

const mediaOf = (contentType: string): string => (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();

const KINDS: readonly (readonly [RegExp, AnswerKind])[] = [
  [/^(?:application\/json|text\/json|application\/[a-z0-9.-]+\+json)$/, AnswerKind.JSON],
  [/^(?:text\/html|application\/xhtml\+xml)$/, AnswerKind.HTML],
  [/^(?:text\/xml|application\/xml|application\/[a-z0-9.-]+\+xml)$/, AnswerKind.XML],
  [/^text\//, AnswerKind.TEXT],
  [/^image\//, AnswerKind.IMAGE],
];

function kindOf({ contentType, body }: HttpAnswer): AnswerKind {
  if (body.length === 0) return AnswerKind.NONE;
  const media = mediaOf(contentType);
  return KINDS.find(([form]) => form.test(media))?.[1] ?? AnswerKind.UNSPECIFIED;
}

/** Its text in the encoding that it names; undefined where it is none. */
function textOf({ contentType, encoding, body }: HttpAnswer, kind: AnswerKind): string | undefined {
  if (encoding !== '' && encoding !== 'identity') return undefined;
  const named = /;\s*charset\s*=\s*"?([A-Za-z0-9_:.-]{1,40})/i.exec(contentType)?.[1];
  const isText = kind !== AnswerKind.UNSPECIFIED && kind !== AnswerKind.IMAGE;
  if (!isText && !(mediaOf(contentType) === '' && isUtf8(body))) return undefined;
  return decoderOf(named).decode(body);
}

function decoderOf(label: string | undefined) {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}
