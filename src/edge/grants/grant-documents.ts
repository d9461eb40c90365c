// The owner adds documents of this box to a collection: freezes what leaves, and journals the standing grant together with its
// lines of the ledger. Who sends them does so after that, and sends exactly these bytes.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  GrantEndReason,
  type GrantedFile,
  type GrantMinted,
  GrantMintedSchema,
} from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { GrantDocumentsRequest, LeftOut } from '../../../gen/bowline/local/v1/local_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { type Egress, EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { IgnoreWish } from '../files/ignored.ts';
import type { DayCap, UsedToday } from '../journal/day-cap.ts';
import type { RecordInit } from '../journal/records.ts';
import { LeftOutFiles } from './left-out.ts';
import { modelRecipients, namedRecipients, type Recipients } from './recipients.ts';
import type { ShareReport, ShareWish } from './share-resolver.ts';
import { mustTake, replacedBy } from './standing-grants.ts';

export interface GrantDocumentsParts {
  /** Standing grants that are live. */
  readonly standing: () => readonly GrantMinted[];
  readonly resolve: (wishes: readonly ShareWish[], report: ShareReport, rules: IgnoreWish) => Promise<GrantedFile[]>;
  readonly journal: { append(records: readonly RecordInit[]): Promise<number>; now(): number };
  /** How much may still leave today. */
  readonly day: Pick<DayCap, 'take' | 'use'>;
  /** The model that would answer now. */
  readonly model: () => ModelInfo | undefined;
}

export interface GrantedDocuments {
  readonly grant: GrantMinted;
  readonly files: readonly GrantedFile[];
  /** What could not be read of what was meant. */
  readonly leftOut: readonly LeftOut[];
  readonly moreLeftOut: number;
  /** Folders that were named, with what is meant below each. */
  readonly folders: readonly { readonly path: string; readonly glob: string }[];
}

/** Lines of the ledger in one record; a record has a bound. */
const LINES = 500;

/** Throws SHARE_NO_MATCH, PATH_NOT_ALLOWED, LIMIT_EXCEEDED, INVALID_ARGUMENT, DAY_CAP_MET, and what the journal throws; nothing is granted then. */
export async function grantDocuments(
  { standing, resolve, journal, day, model }: GrantDocumentsParts,
  { collection, patterns, recipients: asked, excludes, gitignore }: GrantDocumentsRequest,
): Promise<GrantedDocuments> {
  const { granted: recipients, told } = recipientsOf(
    asked,
    standing().find((grant) => grant.collection === collection),
    model(),
  );
  mustTake(standing(), collection, recipients);
  const left = new LeftOutFiles();
  const folders: { path: string; glob: string }[] = [];
  const files = await resolve(
    patterns.map((pattern) => ({ pattern })),
    {
      left: (path, error) => left.add(path, error),
      folder: (path, glob) => folders.push({ path, glob }),
      wishes: true,
    },
    { excludes, gitignore },
  );
  left.mustLeave(files, patterns);
  const names = [
    ...patterns,
    ...folders.map(({ path }) => path),
    ...files.flatMap((file) => [file.path, file.realPath]),
  ];
  const replaced = replacedBy(standing(), collection, names);
  const at = journal.now();
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0n);
  const grant = create(GrantMintedSchema, {
    id: newId(),
    // As the owner named them; each file stands in the ledger.
    files: patterns.map((path) => ({ path: path.slice(0, 4096) })),
    recipients: [...recipients],
    capBytes: bytes,
    collection,
    createTime: timestampFromMs(at),
  });
  const lines = files.map((file) => line(file, grant.id, told, at));
  const ended = replaced.map(
    ({ id }): RecordInit => ({ case: 'grantEnded', value: { id, why: GrantEndReason.REPLACED } }),
  );
  const records: RecordInit[] = [...ended, { case: 'grantMinted', value: grant }];
  for (let from = 0; from < lines.length; from += LINES)
    records.push({ case: 'ledger', value: { entries: lines.slice(from, from + LINES) } });
  const giveBack = day.take(Number(bytes));
  if (!giveBack) throw dayCapMet(day.use, Number(bytes));
  try {
    await journal.append(records);
  } catch (error) {
    giveBack();
    throw error;
  }
  return { grant, files, leftOut: left.list, moreLeftOut: left.more, folders };
}

const dayCapMet = ({ bytes: used, limit }: UsedToday, bytes: number): AppError =>
  new AppError('DAY_CAP_MET', {
    bytes,
    left: Math.max(0, limit - used),
    limit,
    remedy: bytes > limit ? 'No day has room for them: raise' : 'Try again after midnight, or raise',
  });

/** As asked, else those of the collection, else the model that answers now and any on the owner's machines. */
function recipientsOf(
  asked: readonly string[],
  known: GrantMinted | undefined,
  model: ModelInfo | undefined,
): Recipients {
  const named = namedRecipients(asked);
  if (named) return named;
  return known ? { granted: known.recipients, told: known.recipients } : modelRecipients(model, ['local']);
}

const line = (file: GrantedFile, id: string, told: readonly string[], at: number): Egress =>
  create(EgressSchema, {
    path: file.path,
    field: 'document',
    sensitivity: Sensitivity.CONTENT,
    bytes: file.bytes,
    grant: id,
    createTime: timestampFromMs(at),
    recipients: [...told],
  });
