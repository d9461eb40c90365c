// The asks of the owner: with what they share, and what the archive knows of earlier ones.
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import { causeText } from '../../base/cause-text.ts';
import { AskService } from '../../edge/asks/ask-service.ts';
import type { GrantEnd } from '../../edge/grants/grants.ts';
import { capOf } from '../../edge/grants/share-cap.ts';
import { collectionsOf } from '../../edge/grants/standing-grants.ts';
import type { EdgeGround } from './options.ts';
import type { Journaled } from './start-journal.ts';
import type { Tools } from './tools.ts';

/** Hello lists every open run, at most so many. */
const MAX_ASKS = 256;

/** @param model the model that would answer now */
export function startAsks(
  { config, clock, life, log, telemetry }: EdgeGround,
  { journal, open, index, facts }: Journaled,
  { grants, piped, permissions }: Tools,
  model: () => ModelInfo | undefined,
): AskService {
  const end = (run: string, why: GrantEnd) => {
    grants.endRun(run, why);
    piped
      .remove(run)
      .catch((error: unknown) => log.warn('what was piped in could not be removed', { problem: causeText(error) }));
  };
  const asks = new AskService({
    journal,
    open,
    clock,
    log,
    shares: {
      resolve: async (wishes, left, rules) =>
        (await permissions.current()).shares.resolve(wishes, { left }, { ...rules, text: true }),
      mint: (share) => grants.mintShare({ ...share, capBytes: capOf(share.files) }),
      pipe: async (run, bytes, rules) => {
        // What is piped in is no file of the box: no permission is needed for it.
        const { shares, limits } = permissions.last;
        return shares.frozen(await piped.open(await piped.put(run, bytes, limits)), rules);
      },
      drop: (run) => end(run, 'REVOKED'),
      endRun: (run) => end(run, 'ANSWERED'),
    },
    ledger: {
      ofRun: async (run, limit) => {
        const rows = await index.query((known) => known.ledger({ run, limit }));
        return rows.map(({ egress }) => egress).reverse();
      },
    },
    archive: {
      run: (run) => index.query((known) => known.run(run)),
      runOfRequest: (id) => index.query((known) => known.runOfRequest(id)),
    },
    facts,
    model,
    collections: (wanted, reader) => collectionsOf(journal.standing.list(), wanted, reader),
    limits: { openAsks: Math.min(config.limits.asks, MAX_ASKS) },
    ...(telemetry && { onEnded: (run, at, outcome) => telemetry.asked(run, at, outcome) }),
  });
  asks.start();
  asks.views.showApprovals(journal.approvals);
  life.onStop('asks', () => asks.stop());
  return asks;
}
