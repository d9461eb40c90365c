// What standing grants allow: which collections an ask may look into, and for whom documents may be added. Pure.
import { create } from '@bufbuild/protobuf';
import type { GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { type CollectionUse, CollectionUseSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { formOf } from '../../base/same-name.ts';
import { trimEndSigns } from '../../base/trim-signs.ts';

/** Grants at once; what is added again to a collection takes the place of what was added before. */
const MAX_STANDING = 256;

/** Collections of one ask, as the contract has it. */
const MAX_USED = 16;

/** Throws INVALID_ARGUMENT when the collection holds documents for other recipients: what it holds is searched as a whole. */
export function mustTake(live: readonly GrantMinted[], collection: string, recipients: readonly string[]): void {
  const known = live.find((grant) => grant.collection === collection);
  if (!known || same(known.recipients, recipients)) return;
  const what = `the collection ${collection} holds documents that ${known.recipients.join(', ')} may see; add these for the same recipients, or to another collection; to choose others for all of it, remove it (\`bowline docs rm ${collection}\`) and add its documents again with --recipient`;
  throw new AppError('INVALID_ARGUMENT', { what });
}

/**
 * The grants whose place a new one takes: those of its collection that name only what it covers too, by the same name, by another
 * name of it, or as something below a folder of it. Throws LIMIT_EXCEEDED when there are too many besides.
 * @param names every name of what is granted now: as the owner wrote it, and as it was found
 */
export function replacedBy(
  live: readonly GrantMinted[],
  collection: string,
  names: Iterable<string>,
): readonly GrantMinted[] {
  const covered = new Set([...names].map(trimmed));
  const replaced = live.filter(
    (grant) => grant.collection === collection && grant.files.every(({ path }) => isCovered(trimmed(path), covered)),
  );
  if (live.length - replaced.length < MAX_STANDING) return replaced;
  const remedy =
    'add whole folders, which take the place of what was added below them, or remove a collection: `bowline docs rm COLLECTION`';
  throw fixedLimit('the number of standing grants', MAX_STANDING, remedy);
}

function isCovered(path: string, covered: ReadonlySet<string>): boolean {
  if (covered.has(path)) return true;
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    if (covered.has(path.slice(0, at))) return true;
  return covered.has('/') && path.startsWith('/');
}

/** As names are compared. */
const trimmed = (path: string): string => formOf(path.length > 1 ? trimEndSigns(path, '/') || '/' : path);

/** Who would answer. */
export interface CollectionReader {
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
  reader: CollectionReader | undefined,
): CollectionUse[] {
  const known = new Map(live.map((grant) => [grant.collection, grant]));
  const missing = wanted.find((name) => !known.has(name));
  if (missing !== undefined) {
    const there =
      known.size === 0 ? 'there is none; see `bowline docs add --help`' : `there are ${[...known.keys()].join(', ')}`;
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

function mayRead({ recipients }: GrantMinted, reader: CollectionReader | undefined): boolean {
  if (!reader || recipients.includes('any')) return true;
  if (reader.provider !== '' && recipients.includes(reader.provider)) return true;
  return reader.local && recipients.includes('local');
}
