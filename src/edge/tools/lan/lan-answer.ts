// What a server answered, on its way to the caller: whole with the grant of its entry, else only what tells nothing of it.
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

export function lanAnswer({ share, bytes }: LanEntry, answer: HttpAnswer): LanAnswer {
  const { status, contentType, location, body, truncated } = answer;
  const kind = kindOf(answer);
  const told = { verdict: verdictOf(status), kind, size: sizeClassOf(body.length) };
  if (!share) return create(LanAnswerSchema, told);
  const text = textOf(answer, kind, bytes);
  return create(LanAnswerSchema, {
    ...told,
    status,
    contentType,
    location,
    truncated: truncated || (text?.isCut ?? false),
    ...(text ? { text: text.text } : { data: body }),
  });
}

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

/** Its text in the encoding that it names, at most so many bytes of it; undefined where it is none. */
function textOf({ contentType, encoding, body }: HttpAnswer, kind: AnswerKind, maxBytes: number) {
  if (encoding !== '' && encoding !== 'identity') return undefined;
  const named = /;\s*charset\s*=\s*"?([A-Za-z0-9_:.-]{1,40})/i.exec(contentType)?.[1];
  const isText = kind !== AnswerKind.UNSPECIFIED && kind !== AnswerKind.IMAGE;
  if (!isText && !(mediaOf(contentType) === '' && isUtf8(body))) return undefined;
  const text = decoderOf(named).decode(body);
  const cut = Buffer.from(text);
  if (cut.length <= maxBytes) return { text, isCut: false };
  return { text: textBeginning(cut, maxBytes), isCut: true };
}

function decoderOf(label: string | undefined) {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}
