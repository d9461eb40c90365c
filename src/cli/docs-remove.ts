// Takes documents out of a collection, or removes it with the grants of this box for it.
import { RetrievalService } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { shellQuote } from '../base/shell-quote.ts';
import { EXIT } from '../base/status-codes.ts';
import { toAppError } from '../contract/errors.ts';
import { isCollectionName } from './argument-words.ts';
import { controlSide, type GlobalOptions, isAbsent, localSide, using } from './client.ts';
import type { CliIo } from './io.ts';
import { allPages } from './listing.ts';
import { Printer } from './output.ts';
import { countText } from './units.ts';

/** Throws COLLECTION_UNKNOWN, and DOCUMENT_UNKNOWN where the one that was named is not there. */
export async function removeDocuments(
  io: CliIo,
  collection: string,
  ids: string[],
  options: GlobalOptions,
): Promise<void> {
  if (!isCollectionName(collection)) {
    const id = shellQuote(collection);
    throw new AppError('USAGE', {
      what: `the collection comes first, then its documents: bowline docs rm COLLECTION ${id}; ${collection} is no name of one, see: bowline docs ls`,
    });
  }
  const out = new Printer(io.stdout, io.env);
  const err = new Printer(io.stderr, io.env);
  const what =
    ids.length > 0 ? { case: 'documents' as const, value: { ids } } : { case: 'everything' as const, value: true };
  const whole = ids.length === 0;
  // First: whatever the control plane says, from here on nothing of it is looked into.
  let unrevoked: unknown;
  const revoking = whole ? revokeGrants(io, collection, options) : Promise.resolve(0);
  const revoked = await revoking.catch((error: unknown) => {
    unrevoked = error;
    return 0;
  });
  const removing = using(
    () => controlSide(io, options),
    (control) => control.client(RetrievalService).delete({ collection, what }),
  );
  const removed = await removing.catch((error: unknown) => {
    if (revoked === 0) throw error;
    out.line(`${collection}: what this box granted for it is taken back`);
    // What was granted here and never came there.
    if (toAppError(error).reason === 'COLLECTION_UNKNOWN') return undefined;
    err.line('what the control plane keeps of it stays there until the same command reaches it', 'yellow');
    throw error;
  });
  if (!removed) return out.line('the control plane has no such collection');
  const { documents, unknown } = removed;
  const missing = unknown.map((document) => new AppError('DOCUMENT_UNKNOWN', { collection, document }));
  if (missing[0] && documents === 0 && missing.length === 1) throw missing[0];
  if (whole && !removed.collectionRemoved && revoked === 0 && !unrevoked)
    throw new AppError('COLLECTION_UNKNOWN', { collection });
  for (const { message, reason } of missing) err.line(`${message} (${reason})`, 'red');
  if (missing.length > 0) io.exit(documents === 0 ? EXIT.failed : EXIT.partial);
  out.line(`removed ${countText(documents, 'document')} from ${collection}`);
  if (unrevoked) throw unrevoked;
}

/** Resolves with how many there were. */
async function revokeGrants(io: CliIo, collection: string, options: GlobalOptions): Promise<number> {
  try {
    return await using(localSide(io, options), async (edge) => {
      const local = edge.client(LocalService);
      const all = await allPages(async (pageToken) => {
        const page = await local.listGrants({ pageToken });
        return { items: page.grants, nextPageToken: page.nextPageToken };
      });
      const grants = all.filter((each) => each.collection === collection);
      for (const { id } of grants) await local.revokeGrant({ id });
      return grants.length;
    });
  } catch (error) {
    if (!isAbsent(error)) throw error;
    new Printer(io.stderr, io.env).line('no edge runs here: grants of another box for it are revoked there', 'yellow');
    return 0;
  }
}
