// Runs and conversations as they are folded of their events, kept in two bounded caches.
import type { ConversationEvent, RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { Snapshots } from '../../store/snapshots.ts';
import type { EventStore } from '../../store/unit.ts';
import {
  CONVERSATION_FORMAT,
  type ConversationState,
  conversationOf,
  evolveConversation,
} from '../run/conversation.ts';
import { evolve } from '../run/evolve.ts';
import type { FoldedRun } from '../run/state.ts';
import { readConversationEvent, readRunEvent } from './event-codec.ts';
import { StreamCache } from './stream-cache.ts';

export interface FoldedStreams {
  readonly runs: StreamCache<FoldedRun, RunEvent>;
  readonly conversations: StreamCache<ConversationState, ConversationEvent>;
}

const CACHE_BYTES = 128 << 20;

/** Events of a conversation after which its state is kept once more: some 20 turns. A run has a bounded number of events. */
const SNAPSHOT_EVERY = 64;

/** @param unreadable told of a run whose history this version cannot read, with what is wrong with it */
export function foldedStreams(
  store: EventStore,
  maxStreams: number,
  unreadable: (tenant: string, run: string, problem: string) => void,
  snapshots?: Snapshots,
): FoldedStreams {
  const shared = { store, maxStreams, maxBytes: CACHE_BYTES };
  return {
    runs: new StreamCache({
      ...shared,
      read: readRunEvent,
      evolve,
      unreadable: (tenant, run, cause) => {
        const problem = problemOf(cause);
        unreadable(tenant, run, problem);
        return new AppError('RUN_SET_ASIDE', { run, problem }, { cause });
      },
    }),
    conversations: new StreamCache({
      ...shared,
      read: readConversationEvent,
      evolve: evolveConversation,
      ...(snapshots
        ? {
            snapshots: {
              port: snapshots,
              format: CONVERSATION_FORMAT,
              every: SNAPSHOT_EVERY,
              write: (state) => state,
              read: conversationOf,
            },
          }
        : {}),
      unreadable: (_tenant, conversation, cause) =>
        new AppError('CONVERSATION_UNREADABLE', { conversation, problem: problemOf(cause) }, { cause }),
    }),
  };
}

/** What is wrong with a history, in words. */
const problemOf = (cause: unknown): string =>
  cause instanceof AppError && cause.reason === 'EVENT_UNKNOWN'
    ? 'it holds an event of a newer version'
    : cause instanceof AppError && cause.reason === 'HISTORY_INVALID'
      ? `it contradicts itself: ${cause.metadata.problem ?? ''}`
      : 'one of its events cannot be decoded';
