// Makes the vectors of a collection anew with another model, a bounded number of texts in each call. They are kept beside the old ones,
// which searches go on with, until none is missing.
import { create } from '@bufbuild/protobuf';
import {
  type ReEmbedRequest,
  type ReEmbedResponse,
  ReEmbedResponseSchema,
} from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import { embed } from './embed-texts.ts';
import { embeddedText } from './passages/embedded-text.ts';
import { exactUpTo, type RetrievalSettings } from './retrieval-settings.ts';
import { type CollectionRow, getCollection } from './store/collections.ts';
import type { PassageDatabase, TenantTransaction } from './store/database.ts';
import type { CollectionModel } from './store/put-document.ts';
import { dropShadow, holdCollection, missingOf, putShadow, swapShadow } from './store/shadow.ts';
import { dropIndex, ensureIndex } from './store/vector-index.ts';

/** Texts of one call. */
const STEP = 192;

/** Throws COLLECTION_UNKNOWN and the errors of embedding; what was made before stays. */
export async function reEmbed(
  database: PassageDatabase,
  settings: RetrievalSettings,
  { collection: name, model: wanted }: ReEmbedRequest,
  context: HandlerContext,
): Promise<ReEmbedResponse> {
  const { tenant } = context;
  const { row, total, texts } = await database.within(tenant, 'look', async (scope) => {
    const row = await getCollection(scope, name);
    return { row, ...(await missingOf(scope, row, STEP)) };
  });
  // An empty one, and one of which nothing is missing, still have to know the model.
  const asked = texts.length > 0 ? texts.map(embeddedText) : [name];
  const tell = (done: number) => context.progress(done, asked.length);
  const { model, vectors } = await embed(asked, 'document', wanted, context, tell);
  context.signal.throwIfAborted();
  const answer = { total, model: model.modelId };
  if (row.model_id === model.modelId && row.dimension === model.dimension) {
    await database.within(tenant, 'change', (scope) => rename(scope, row, model));
    return create(ReEmbedResponseSchema, { ...answer, finished: true, done: total });
  }
  const hashes = texts.map(({ hash }) => hash);
  const left = await database.within(tenant, 'change', async (scope) => {
    const held = await hold(scope, name);
    await putShadow(scope, name, model, hashes, vectors.slice(0, hashes.length));
    return missingOf(scope, held, 0);
  });
  const finished = left.missing === 0 && (await swapped(database, name, row, context));
  if (finished) {
    const made = { ...row, ...model, indexed: false };
    await ensureIndex(database, made, exactUpTo(settings, database.embedded), context.log);
  }
  return create(ReEmbedResponseSchema, {
    ...answer,
    finished,
    done: left.total - left.missing,
    total: left.total,
    embedded: hashes.length,
  });
}

/** False when something was added meanwhile: the next call goes on. */
async function swapped(
  database: PassageDatabase,
  name: string,
  { id }: CollectionRow,
  { tenant, log }: HandlerContext,
): Promise<boolean> {
  // An index takes vectors of one length only; without it searches compare all, and find the same.
  const indexed = await database.within(tenant, 'change', async (scope) => {
    const { indexed } = await hold(scope, name);
    if (indexed) await scope.trx.updateTable('collection').set({ indexed: false }).where('id', '=', id).execute();
    return indexed;
  });
  if (indexed) await dropIndex(database, id, log);
  return database.within(tenant, 'change', async (scope) => {
    const held = await hold(scope, name);
    const { missing } = await missingOf(scope, held, 0);
    if (missing > 0 || held.indexed) return false;
    await swapShadow(scope, held);
    return true;
  });
}

async function hold(scope: TenantTransaction, name: string): Promise<CollectionRow> {
  const row = await holdCollection(scope, name);
  if (!row) throw new AppError('COLLECTION_UNKNOWN', { collection: name });
  return row;
}

/** It has the vectors of this model: from now on it asks for them by this name. */
async function rename(
  scope: TenantTransaction,
  { id, name }: CollectionRow,
  { model }: CollectionModel,
): Promise<void> {
  await dropShadow(scope, name);
  const { trx, tenant } = scope;
  await trx.updateTable('collection').set({ model }).where('tenant', '=', tenant).where('id', '=', id).execute();
}
