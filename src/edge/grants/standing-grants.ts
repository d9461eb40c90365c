// What standing grants allow: which collections an ask may look into, and for whom documents may be added. Pure.
import { create } from '@bufbuild/protobuf';
import { type CollectionUse, CollectionUseSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { AppError } from '../../base/errors.ts';

/** Grants at once; documents that are added again to a collection are another one. */
const MAX_STANDING = 256;

/** Collections of one ask, as the contract has it. */
const MAX_USED = 16;

/**
 * Throws INVALID_ARGUMENT when the collection holds documents for other recipients: what it holds is searched as a whole.
 * LIMIT_EXCEEDED when there are too many grants.
 */
export function mustTake(live: readonly GrantMinted[], collection: string, recipients: readonly string[]): void {
  if (live.length >= MAX_STANDING) {
    const bound = { what: 'the number of standing grants', limit: MAX_STANDING, setting: 'nothing; revoke some' };
    throw new AppError('LIMIT_EXCEEDED', bound);
  }
  const known = live.find((grant) => grant.collection === collection);
  if (!known || same(known.recipients, recipients)) return;
  const what = `the collection ${collection} holds documents that ${known.recipients.join(', ')} may see; add these for the same recipients, or to another collection`;
  throw new AppError('INVALID_ARGUMENT', { what });
}

/** Who would answer. */
export interface Reader {
  readonly provider: string;
  readonly local: boolean;
}

/**
 * What an ask may look into. Without a wish: every collection that `reader` may see, or all where it is not known who will
 * answer. Throws INVALID_ARGUMENT for one that no grant covers.
 */
export function collectionsOf(
  live: readonly GrantMinted[],
  wanted: readonly string[],
  reader: Reader | undefined,
): CollectionUse[] {
  const known = new Map(live.map((grant) => [grant.collection, grant]));
  const missing = wanted.find((name) => !known.has(name));
  if (missing !== undefined) {
    const there =
      known.size === 0 ? 'there is none; see `bowline docs add`' : `there are ${[...known.keys()].join(', ')}`;
    throw new AppError('INVALID_ARGUMENT', {
      what: `no documents of this box are in a collection ${missing}; ${there}`,
    });
  }
  return [...known.values()]
    .filter((grant) => (wanted.length > 0 ? wanted.includes(grant.collection) : mayRead(grant, reader)))
    .slice(0, MAX_USED)
    .map(({ collection: name, id: grant, recipients }) => create(CollectionUseSchema, { name, grant, recipients }));
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each) => b.includes(each));

function mayRead({ recipients }: GrantMinted, reader: Reader | undefined): boolean {
  if (!reader || recipients.includes('any')) return true;
  if (reader.provider !== '' && recipients.includes(reader.provider)) return true;
  return reader.local && recipients.includes('local');
}
