// The socket of the owner: the local service, and the server that listens for it.
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { OwnerService } from '../../../gen/bowline/local/v1/owners_pb.ts';
import { homePaths } from '../../base/home.ts';
import { watchLoop } from '../../base/loop-watch.ts';
import { sparing } from '../../base/sparing-logger.ts';
import { RequestFaults } from '../../base/stray-errors.ts';
import { ApprovalList } from '../../edge/approvals/approval-list.ts';
import { GrantHistory } from '../../edge/approvals/grant-history.ts';
import type { AskService } from '../../edge/asks/ask-service.ts';
import { grantDocuments } from '../../edge/grants/grant-documents.ts';
import { fateOfSources } from '../../edge/grants/since-added.ts';
import type { ConversationSummaries } from '../../edge/index/conversation-summaries.ts';
import { wholeLedger } from '../../edge/index/whole-ledger.ts';
import { LocalServer } from '../../edge/local/local-server.ts';
import { localService } from '../../edge/local/local-service.ts';
import { ownerService } from '../../edge/local/owner-service.ts';
import type { SensitiveAsks } from '../../edge/sensitive/sensitive-asks.ts';
import type { EdgeSession } from '../../edge/session/edge-session.ts';
import type { EdgeGround } from './options.ts';
import type { Journaled } from './start-journal.ts';
import type { Tools } from './tools.ts';

/** From the start until turns are measured: what it is made of is known, and its own turns are no work. */
const WATCH_MS = 1_000;

export interface OwnerSocketParts {
  readonly ownerKey: string;
  readonly asks: AskService;
  readonly sensitive: SensitiveAsks;
  readonly session: EdgeSession;
  readonly conversations: ConversationSummaries;
}

/** Throws SOCKET_IN_USE, SOCKET_UNSAFE. */
export async function openOwnerSocket(
  { home, identity, config, clock, life, log }: EdgeGround,
  { journal, open, index }: Journaled,
  { grants, gate, day, permissions, runner, desk, callGrants, undoing, owners }: Tools,
  { ownerKey, asks, sensitive, session, conversations }: OwnerSocketParts,
): Promise<void> {
  const paths = homePaths(home);
  const closing = new AbortController();
  const faults = new RequestFaults(log);
  const turns = watchLoop(sparing(log, clock), WATCH_MS);
  life.onStop('turn watch', () => turns.stop());
  const service = localService({
    summaries: conversations,
    device: identity.device,
    control: identity.control,
    asks,
    sensitive,
    open,
    status: () => session.status,
    grants,
    day,
    fateOf: fateOfSources(
      () => journal.standing.list(),
      async () => (await permissions.current()).allow,
    ),
    grantDocuments: (request) =>
      grantDocuments(
        {
          standing: () => journal.standing.list(),
          journal,
          day,
          resolve: async (wishes, report, rules) => (await permissions.current()).shares.resolve(wishes, report, rules),
          model: () => session.status.model,
        },
        request,
      ),
    ledger: wholeLedger(index, journal),
    journal,
    desk,
    undoing,
    mask: (method, told) => gate.mask(method, told),
    approvals: new ApprovalList(journal),
    callGrants,
    history: new GrantHistory(journal),
    folder: paths.journal,
    permissions: () => {
      const { problem, last } = permissions;
      return { problem, roots: problem ? [] : last.allow.readable };
    },
    toolCalls: () => runner.calls,
    refusals: () => [...runner.refusals.list(), ...owners.refused.counts.list()],
    turns: () => turns.figures,
    faults: () => faults.count,
    startedAt: clock.now(),
    closing: closing.signal,
  });
  const local = await LocalServer.listen({
    socket: paths.socket,
    ownerKey,
    ownerKeyFile: paths.ownerKey,
    clients: config.limits.clients,
    routes: (router) =>
      router.service(LocalService, service).service(OwnerService, ownerService(owners, closing.signal)),
    log,
    faults,
  });
  life.onStop('owner socket', () => {
    closing.abort();
    return local.close(500);
  });
}
