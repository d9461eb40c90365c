// The services of the API, each given what it reads and changes. What they do stands in control/gateway/api.

import type { Condition } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { LoopFigures } from '../../base/loop-watch.ts';
import type { RequestFaults } from '../../base/stray-errors.ts';
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { workerCapabilities } from '../../contract/worker-capabilities.ts';
import { approvalApi } from '../../control/gateway/api/approval-api.ts';
import { budgetApi } from '../../control/gateway/api/budget-api.ts';
import { conversationApi } from '../../control/gateway/api/conversation-api.ts';
import { deviceApi } from '../../control/gateway/api/device-api.ts';
import { registryApi, workerApi } from '../../control/gateway/api/fleet-api.ts';
import { jobApi } from '../../control/gateway/api/job-api.ts';
import { keyApi } from '../../control/gateway/api/key-api.ts';
import { newKeyOf } from '../../control/gateway/api/new-key.ts';
import { NOTICED } from '../../control/gateway/api/notices.ts';
import { OwnerAsks } from '../../control/gateway/api/owner-asks.ts';
import { pluginApi } from '../../control/gateway/api/plugin-api.ts';
import { routeApi } from '../../control/gateway/api/route-api.ts';
import { runApi } from '../../control/gateway/api/run-api.ts';
import { auditApi, statusApi } from '../../control/gateway/api/status-api.ts';
import { usageApi } from '../../control/gateway/api/usage-api.ts';
import type { CallsUnderWay } from '../../control/gateway/calls-under-way.ts';
import { enrolmentService } from '../../control/gateway/enrolment-service.ts';
import type { HealthBoard } from '../../control/gateway/health.ts';
import type { MeshParts } from '../../control/gateway/mesh.ts';
import type { Services } from '../../control/gateway/routes.ts';
import { toldOf } from '../../control/identity/restore-guard.ts';
import { listAudit, recentAudit } from '../../control/ledger/audit.ts';
import { usageSince } from '../../control/ledger/usage-sums.ts';
import { OwnerNotes } from '../../control/notes/owner-notes.ts';
import { createConversations } from '../../control/store/conversations.ts';
import { createDeadJobs } from '../../control/store/dead-jobs.ts';
import { Requests } from '../../control/store/requests.ts';
import { sizesOf } from '../../control/store/sizes.ts';
import { DATABASE } from '../readiness.ts';
import type { Connected } from './connected.ts';
import type { Identities } from './identities.ts';
import type { Ground } from './options.ts';
import type { Store } from './store.ts';
import type { Work } from './work.ts';

/** What `status` tells of the listener and of the process. */
export interface Figures {
  readonly health: HealthBoard;
  readonly faults: RequestFaults;
  readonly turns: { readonly figures: LoopFigures };
  readonly conditions: (tenant: string) => Condition[];
}

/** Calls of capability methods by clients. */
export function meshParts(
  { config, log }: Ground,
  { devices, restored, methods }: Identities,
  { presence }: Connected,
  { runs, dispatch }: Work,
  underWay: CallsUnderWay,
): MeshParts {
  return {
    runs,
    feeds: dispatch.feeds,
    devices,
    restored,
    calls: dispatch.devices,
    workers: () => presence.views(),
    methods,
    edgePackages: new Set(edgeCapabilities.map((service) => service.file.proto.package)),
    defaultTimeoutMs: config.callTimeoutMs,
    underWay,
    log,
  };
}

export function apiServices(
  ground: Ground,
  store: Store,
  identities: Identities,
  connected: Connected,
  work: Work,
  figures: Figures,
): Omit<Services, 'edge' | 'worker' | 'plugins' | 'health' | 'mesh'> {
  const { clock } = ground;
  const { db } = store.database;
  const { devices, enrolment, signer, methods, plugins, keys, restored } = identities;
  const { sessions, presence } = connected;
  const { runs, dispatch } = work;
  const requests = new Requests(db);
  const conversations = createConversations(db);
  const newKey = newKeyOf(signer);
  return {
    enrolment: enrolmentService({ enrolment, devices, signingKey: signer }),
    runs: runApi({
      runs,
      stored: store.runs,
      archive: store.archive,
      setAside: store.setAside,
      ownerAsks: new OwnerAsks(),
      conversations,
      restored,
      requests,
      feeds: dispatch.feeds,
      devices,
      workers: () => presence.views(),
      poolStartMs: ground.config.poolStartMs,
      methods,
      now: () => clock.now(),
    }),
    jobs: jobApi({
      runs,
      dead: createDeadJobs(db),
      setAside: store.setAside,
      requests,
      methods,
      restored,
      now: () => clock.now(),
    }),
    conversations: conversationApi({
      conversations,
      runs: store.runs,
      summary: (tenant, conversation) => runs.summary(tenant, conversation),
      requests,
    }),
    devices: deviceApi({ devices, enrolment, sessions, calls: dispatch.devices, requests, newKey }),
    workers: workerApi({
      sessions,
      requests,
      newKey,
      packages: workerCapabilities.map((service) => service.file.proto.package),
      plugins,
    }),
    keys: keyApi({ keys, requests, newKey, revoked: (id) => dispatch.signals.keyRevoked(id) }),
    approvals: approvalApi({
      notes: new OwnerNotes(db),
      devices,
      requests,
      now: () => clock.now(),
      wake: (tenant, device) => dispatch.signals.ownerNotes(tenant, device),
    }),
    registry: registryApi({ methods, devices, sessions }),
    status: statusService(ground, store, identities, connected, work, figures),
    usage: usageApi({ since: (tenant, since, by) => usageSince(db, tenant, since, by), now: () => clock.now() }),
    budgets: budgetApi({
      db,
      requests,
      allKnow: (version) => store.leases.allKnow(version),
      changed: () => work.budgets.refresh(),
    }),
    routes: routeApi({
      rules: work.rules,
      runs,
      devices,
      workers: () => presence.views(),
      bound: (tenant, job) => work.budgets.bound(tenant, job),
      methods,
    }),
    audit: auditApi({ list: (tenant, page) => listAudit(db, tenant, page) }),
    pluginApi: pluginApi(plugins, requests),
  };
}

function statusService(
  { replica, startedAt, clock, children }: Ground,
  { database, runs }: Store,
  { restored, devices }: Identities,
  { sessions }: Connected,
  { outbox }: Work,
  { health, faults, turns, conditions }: Figures,
) {
  return statusApi({
    sessions,
    replica,
    conditions,
    database: database.kind,
    startedAt,
    sizes: (tenant) => sizesOf(database.db, tenant),
    turns: () => turns.figures,
    clock: () => clock.figures,
    faults: () => faults.count,
    children: () => children?.() ?? [],
    noticed: (tenant) => recentAudit(database.db, tenant, NOTICED),
    stopped: (tenant) => toldOf(restored.why(tenant)),
    canCommit: () => health.get(DATABASE) !== false,
    counts: async (tenant) => ({
      devices: await devices.online(tenant),
      openRuns: await runs.countOpen(tenant),
      waitingJobs: await outbox.countFree(tenant),
    }),
  });
}
