// Whole ids of runs and conversations that are called by a part of their id.
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import type { Side } from './client.ts';
import { pages } from './listing.ts';
import { wholeId } from './short-id.ts';

/** The newest ones, among which a part of an id is looked up. */
const MOST = 5_000;

export const runId = (control: Side, typed: string): Promise<string> =>
  wholeId(typed, 'run', async () => {
    const service = control.client(RunService);
    const runs = await pages(MOST, async (pageSize, pageToken) => {
      const { runs, nextPageToken } = await service.listRuns({ pageSize, pageToken });
      return { items: runs, nextPageToken };
    });
    return runs.map(({ id, text }) => ({ id, about: text.slice(0, 60) }));
  });

export const conversationId = (control: Side, typed: string): Promise<string> =>
  wholeId(typed, 'conversation', async () => {
    const service = control.client(ConversationService);
    const all = await pages(MOST, async (pageSize, pageToken) => {
      const { conversations, nextPageToken } = await service.listConversations({ pageSize, pageToken });
      return { items: conversations, nextPageToken };
    });
    return all.map(({ id, title }) => ({ id, about: title.slice(0, 60) }));
  });
