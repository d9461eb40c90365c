// The session with the control plane: what it is told, and what a forked journal ends.
import { GrantEndReason } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Logger } from '../../base/logger.ts';
import { AskFeed } from '../../edge/asks/ask-feed.ts';
import type { AskService } from '../../edge/asks/ask-service.ts';
import type { ConversationSummaries } from '../../edge/index/conversation-summaries.ts';
import type { EdgeJournal } from '../../edge/journal/edge-journal.ts';
import { EdgeSession } from '../../edge/session/edge-session.ts';
import { edgeManifest } from '../../edge/session/manifest.ts';
import { sessionJournal } from '../../edge/session/session-journal.ts';
import type { EdgeGround } from './options.ts';
import type { Journaled } from './start-journal.ts';
import type { Tools } from './tools.ts';

/** It does not dial yet. */
export function openSession(
  { identity, config, bootId, clock, life, log, waits, onRefused, telemetry }: EdgeGround,
  { journal, open }: Journaled,
  { grants, gate, permissions, runner, owners }: Tools,
  asks: AskService,
  conversations: ConversationSummaries,
): EdgeSession {
  // A file that cannot be used allows nothing here, whatever is told; it is soon mended.
  const manifest = () => edgeManifest(permissions.tools.methods, permissions.last.config);
  const session = new EdgeSession({
    identity,
    gate,
    runner,
    owners,
    telemetry,
    asks,
    feed: new AskFeed(journal, open, asks.views, gate, grants),
    clock,
    log,
    journal: sessionJournal(journal),
    manifest,
    bootId,
    onSummary: (summary) => conversations.put(summary),
    onModel: (model) => grants.knowLocal(model.provider, model.local),
    onQuarantined: () => {
      grants.endAll('QUARANTINED');
      endStanding(journal, log);
    },
    ...(onRefused ? { onRefused } : {}),
    options: { maxFrameBytes: config.limits.frame_bytes, ...waits },
  });
  permissions.onChange(() => session.renew());
  life.onStop('session', () => session.stop());
  life.onStop('tool calls', async () => void (await runner.drain(4_000)));
  return session;
}

/** A journal that forked is another box's too: what it granted is granted no more. */
function endStanding(journal: EdgeJournal, log: Logger): void {
  const ended = journal.standing
    .list()
    .map(({ id }) => ({ case: 'grantEnded' as const, value: { id, why: GrantEndReason.QUARANTINED } }));
  if (ended.length === 0) return;
  journal.append(ended).catch((error: unknown) => log.error('standing grants could not be ended', error));
}
