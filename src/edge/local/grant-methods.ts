// What the owner does about grants, method by method: shares, documents, and calls that need not be asked for.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { CallGrant } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { GrantEndReason, type GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import {
  type Grant,
  type GrantDocumentsRequest,
  GrantSchema,
  type LocalService,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { pageOf } from '../../contract/paging.ts';
import type { ApprovalList } from '../approvals/approval-list.ts';
import { callGrantOf } from '../approvals/call-grant.ts';
import type { CallGrants } from '../approvals/call-grants.ts';
import type { GrantHistory } from '../approvals/grant-history.ts';
import type { GrantedDocuments } from '../grants/grant-documents.ts';
import type { LiveGrant } from '../grants/grants.ts';
import type { RecordInit } from '../journal/records.ts';
import type { StandingBook } from '../journal/standing-book.ts';

export interface GrantMethodsDeps {
  readonly grants: { list(): LiveGrant[]; end(id: string, why: 'REVOKED'): void };
  readonly callGrants: Pick<CallGrants, 'list' | 'used' | 'revoke'>;
  readonly history: Pick<GrantHistory, 'covered' | 'explain'>;
  readonly approvals: Pick<ApprovalList, 'list' | 'get' | 'watch'>;
  readonly grantDocuments: (request: GrantDocumentsRequest) => Promise<GrantedDocuments>;
  readonly journal: {
    readonly standing: Pick<StandingBook, 'get' | 'list'>;
    now(): number;
    append(records: readonly RecordInit[]): Promise<number>;
  };
}

type GrantMethods = Pick<
  ServiceImpl<typeof LocalService>,
  'grantDocuments' | 'listGrants' | 'previewGrant' | 'explainCall' | 'revokeGrant'
>;

const MAX_PAGE = 250;

export function grantMethods(deps: GrantMethodsDeps): GrantMethods {
  const { grants, callGrants, history, approvals, journal } = deps;
  return {
    async grantDocuments(request) {
      const { grant, files, leftOut, moreLeftOut, folders } = await deps.grantDocuments(request);
      return {
        grant: standingOf(grant),
        documents: files.map(({ path, realPath, bytes, sha256 }) => ({ path, realPath, bytes, sha256 })),
        leftOut: [...leftOut],
        moreLeftOut,
        folders: [...folders],
      };
    },
    listGrants(request) {
      const calls = callGrants.list().map((grant) => callOf(grant, callGrants.used(grant.id)));
      const all = [...grants.list().map(grantOf), ...journal.standing.list().map(standingOf), ...calls];
      const { items, nextPageToken } = pageOf(all, ({ id }) => id, request, MAX_PAGE);
      return { grants: items, nextPageToken };
    },
    async previewGrant({ approval: id, grant: wish }) {
      if (!wish) throw new AppError('INVALID_ARGUMENT', { what: 'what it is to cover is missing' });
      const approval = await approvals.get(id);
      return history.covered(callGrantOf(approval, wish, { id: '', now: journal.now(), by: '' }));
    },
    explainCall: ({ call }) => history.explain(call),
    async revokeGrant({ id }) {
      if (callGrants.list().some((grant) => grant.id === id)) await callGrants.revoke(id);
      else if (journal.standing.get(id))
        await journal.append([{ case: 'grantEnded', value: { id, why: GrantEndReason.REVOKED } }]);
      else if (grants.list().some((grant) => grant.id === id)) grants.end(id, 'REVOKED');
      else throw new AppError('NOT_FOUND', { kind: 'grant' });
      return {};
    },
  };
}

const callOf = (call: CallGrant, calls: number): Grant => {
  const { id, expireTime } = call;
  return create(GrantSchema, { id, call, calls, ...(expireTime && { expireTime }) });
};

function grantOf(grant: LiveGrant): Grant {
  return create(GrantSchema, {
    id: grant.id,
    run: grant.run,
    paths: grant.files.map(({ path }) => path),
    recipients: [...grant.recipients],
    capBytes: BigInt(grant.capBytes),
    usedBytes: BigInt(grant.usedBytes),
    ...(grant.expiresAt === undefined ? {} : { expireTime: timestampFromMs(grant.expiresAt) }),
  });
}

/** What a standing grant covers has left when it is made: all of it. */
const standingOf = ({ id, files, recipients, capBytes, collection }: GrantMinted): Grant =>
  create(GrantSchema, {
    id,
    paths: files.map(({ path }) => path),
    recipients,
    capBytes,
    usedBytes: capBytes,
    collection,
  });
