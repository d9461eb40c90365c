// ConversationService of the public API over the projections.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { ConversationService } from '../../../../gen/bowline/control/v1/conversation_service_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { principalName } from '../../identity/principal.ts';
import { writeAudit } from '../../ledger/audit.ts';
import { ifReadable } from '../../orchestrator/service/unreadable.ts';
import type { Conversations, StoredConversation } from '../../store/conversations.ts';
import type { Requests } from '../../store/requests.ts';
import type { Runs } from '../../store/runs.ts';
import { ownerOf } from '../call-principal.ts';
import { once } from './once.ts';
import { runView } from './run-view.ts';

/** Runs shown with a conversation. */
const SHOWN_RUNS = 200;

export function conversationApi(parts: {
  readonly conversations: Conversations;
  readonly runs: Runs;
  /** The last summary of a conversation; empty when there is none. */
  readonly summary: (tenant: string, conversation: string) => Promise<string>;
  readonly requests: Requests;
}): ServiceImpl<typeof ConversationService> {
  const read = async (tenant: string, id: string): Promise<StoredConversation> => {
    const row = await parts.conversations.get(tenant, id);
    if (!row) throw new AppError('NOT_FOUND', { kind: 'conversation' });
    return row;
  };
  return {
    async getConversation({ id }, context) {
      const { tenant } = ownerOf(context);
      const row = await read(tenant, id);
      const { items } = await parts.runs.list(tenant, { conversation: id, pageSize: SHOWN_RUNS });
      const summary = (await ifReadable(parts.summary(tenant, id))) ?? '';
      return { conversation: view(row), runs: items.reverse().map((run) => runView(run)), summary };
    },
    async listConversations({ pageSize, pageToken }, context) {
      const page = await parts.conversations.list(ownerOf(context).tenant, { pageSize, pageToken });
      return { conversations: page.items.map(view), nextPageToken: page.nextPageToken };
    },
    async deleteConversation(request, context) {
      const owner = ownerOf(context);
      const { tenant } = owner;
      const { id } = request;
      return once(parts.requests, owner, ConversationService.method.deleteConversation, request, {
        before: async () => {
          const row = await read(tenant, id);
          const active = row.activeRun === null ? undefined : await parts.runs.get(tenant, row.activeRun);
          // One that is set aside, or that ended where the history of its conversation cannot be read, works no more.
          if (active?.endedAt === null && active.setAside === undefined)
            throw new AppError('CONVERSATION_BUSY', { run: active.id });
        },
        within: async (trx) => {
          await parts.conversations.delete(tenant, id, trx);
          const principal = principalName(owner);
          await writeAudit(trx, [{ tenant, principal, action: 'conversation.delete', subject: `conversation:${id}` }]);
          return {};
        },
      });
    },
  };
}

const view = (row: StoredConversation) => ({
  id: row.id,
  title: row.title,
  turns: row.turns,
  activeRun: row.activeRun ?? '',
  waitingRuns: [...row.waiting],
  device: row.device ?? '',
  createTime: timestampFromMs(row.createdAt),
});
