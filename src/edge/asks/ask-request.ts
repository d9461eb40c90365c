// From the owner's request to the record that is journaled and the lines of the ledger that belong to it. Pure.
import { create } from '@bufbuild/protobuf';
import { durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import { type AskRecord, AskRecordSchema, type GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { type AskRequest, type Shared, SharedSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AskSchema, type CollectionUse } from '../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { isSensitiveId } from '../../base/ids.ts';
import { isAskTooLong, maxAskBytes } from '../../contract/ask-text.ts';
import { MOST_ASK_MS } from '../../contract/ask-time.ts';
import { TIER_NAME } from '../../contract/routes/tier-name.ts';
import { UNKNOWN_RECIPIENT } from '../../contract/unknown-recipient.ts';
import { askEgress } from '../egress/ledger.ts';
import { shareGrantOf } from '../grants/grants.ts';
import type { LeftOutFiles } from '../grants/left-out.ts';
import { modelRecipients, namedRecipients, type Recipients } from '../grants/recipients.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Throws INVALID_ARGUMENT for what the control plane would refuse for ever. */
export function checkAsk(request: AskRequest): void {
  if (request.text.trim() === '') throw new AppError('INVALID_ARGUMENT', { what: 'the ask has no text' });
  if (isAskTooLong(request.text)) {
    throw fixedLimit('the text of an ask', `${maxAskBytes()} bytes`, 'share a file instead');
  }
  if (request.conversation !== '' && !UUID.test(request.conversation)) {
    throw new AppError('INVALID_ARGUMENT', {
      what: 'a conversation id is a UUID; `bowline conversations ls` shows them',
    });
  }
  if (request.tier !== '' && !TIER_NAME.test(request.tier))
    throw new AppError('INVALID_ARGUMENT', { what: 'the name of a tier is at most 32 small letters, digits and -' });
  if (request.betterThan !== '' && !UUID.test(request.betterThan))
    throw new AppError('INVALID_ARGUMENT', { what: 'a run id is a UUID; `bowline runs ls` shows them' });
  if (request.shares.length > 64) throw new AppError('INVALID_ARGUMENT', { what: 'an ask has at most 64 shares' });
  if (request.requestId.length > 64)
    throw new AppError('INVALID_ARGUMENT', { what: 'a request id has at most 64 characters' });
  const timeout = request.timeout && durationMs(request.timeout);
  if (timeout !== undefined && !(timeout > 0 && timeout <= MOST_ASK_MS)) {
    throw new AppError('INVALID_ARGUMENT', { what: 'a timeout is longer than nothing, and at most a day' });
  }
}

/** As `checkAsk`, for one that is sent. A sensitive one never comes this way. */
export function checkAskThatLeaves(request: AskRequest): void {
  if (request.sensitive || isSensitiveId(request.conversation)) throw new Error('a sensitive ask was about to leave');
  checkAsk(request);
}

/** Who gets what is shared: as asked, else the model that answers now. */
export const recipientsOf = (request: AskRequest, model: ModelInfo | undefined): Recipients =>
  namedRecipients(request.recipients) ?? modelRecipients(model);

/** What the owner is shown before anything is sent. */
export function sharedOf(
  grants: readonly GrantMinted[],
  { told }: Recipients,
  model: ModelInfo | undefined,
  left: Pick<LeftOutFiles, 'list' | 'more' | 'doubtful'>,
): Shared | undefined {
  const [first] = grants;
  if (!first) return undefined;
  const files = grants.flatMap((grant) => grant.files);
  return create(SharedSchema, {
    paths: files.map(({ path, startLine, endLine }) => (startLine > 0 ? `${path}#L${startLine}-L${endLine}` : path)),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0n),
    recipients: told.map((name) => shownAs(name, model)),
    grant: first.id,
    leftOut: [...left.list],
    moreLeftOut: left.more,
    doubtful: [...left.doubtful],
    masked: files.reduce((sum, { masked }) => sum + masked, 0),
  });
}

function shownAs(name: string, model: ModelInfo | undefined): string {
  if (name === UNKNOWN_RECIPIENT && !model) return `${name} (local only)`;
  return name === model?.provider && model.local ? `${name} (local)` : name;
}

/** The record of an ask: exactly what will be sent, its grant, and its lines of the ledger. */
export function askRecord(
  request: AskRequest,
  parts: {
    run: string;
    conversation: string;
    grants: readonly GrantMinted[];
    recipients: Recipients;
    collections: readonly CollectionUse[];
    now: number;
  },
): AskRecord {
  const { run, conversation, grants, recipients, collections, now } = parts;
  const ask = create(AskSchema, {
    run,
    conversation,
    text: request.text,
    shares: grants.map(shareGrantOf),
    collections: [...collections],
    createTime: timestampFromMs(now),
    ...(request.timeout && { timeout: request.timeout }),
    maxCostMicros: request.maxCostMicros,
    tier: request.tier,
    better: request.better,
    betterThan: request.betterThan,
  });
  return create(AskRecordSchema, {
    ask,
    requestId: request.requestId,
    grants: [...grants],
    asksToShare: request.asksToShare,
    egress: askEgress(ask, now, grants.length > 0 ? recipients.told : []),
  });
}
