// The two doors through which sessions come: of edges and of workers, each with its bound a device or a key.
import type { ServiceImpl } from '@connectrpc/connect';
import type { Condition } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { EdgeService } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { WorkerService } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { Admission } from '../../control/gateway/admission.ts';
import { deviceOf, workerOf } from '../../control/gateway/call-principal.ts';
import { endsOf } from '../../control/gateway/opening.ts';
import { type EdgeSessionParts, serveEdge } from '../../control/gateway/serve-edge.ts';
import { serveWorker } from '../../control/gateway/serve-worker.ts';
import { SessionCounts } from '../../control/gateway/session-counts.ts';
import type { SessionWatch } from '../../control/gateway/session-watch.ts';
import { OwnerNotes } from '../../control/notes/owner-notes.ts';
import type { Connected } from './connected.ts';
import type { Identities } from './identities.ts';
import type { Ground } from './options.ts';
import type { Store } from './store.ts';
import type { Work } from './work.ts';

/** How long an edge that says Hello is kept in line; one of an older version takes 15 s without an answer for silence. */
const PATIENCE_MS = 4_000;

export function edgeSessionService(
  { config, clock, log, replica }: Ground,
  { database, runs: stored, setAside }: Store,
  { restored, devices, signer }: Identities,
  { sessions }: Connected,
  { runs, dispatch }: Work,
  {
    watch,
    conditions,
    onTelemetry,
  }: { readonly watch: SessionWatch; readonly conditions: (tenant: string) => Condition[] } & Pick<
    EdgeSessionParts,
    'onTelemetry'
  >,
): ServiceImpl<typeof EdgeService> {
  const parts = {
    ...config,
    clock,
    log,
    replica,
    watch,
    restored,
    setAside,
    stored,
    admission: new Admission({ atOnce: config.maxStarts, patienceMs: PATIENCE_MS, clock }),
    runs,
    calls: dispatch.devices,
    feeds: dispatch.feeds,
    devices,
    notes: new OwnerNotes(database.db),
    onNotes: (tenant: string, device: string, look: () => void) => dispatch.signals.ofNotes(tenant, device, look),
    signer,
    model: (tenant: string) => sessions.modelFor(tenant),
    conditions,
    durability: database.durability,
    onTelemetry,
  };
  const doors = new SessionCounts(config.maxDeviceSessions, 'sessions of this device', 'BOWLINE_MAX_DEVICE_SESSIONS');
  return {
    connect: (requests, context) => {
      const device = deviceOf(context);
      doors.until(context.signal, `${device.tenant}/${device.id}`);
      return serveEdge(parts, device, requests, endsOf(context), (edge) => sessions.addEdge(edge));
    },
  };
}

export function workerSessionService(
  { config, clock, log, replica }: Ground,
  { plugins }: Identities,
  { sessions, circuits }: Connected,
  { dispatch }: Work,
): ServiceImpl<typeof WorkerService> {
  const restOf: typeof circuits.restOf = (worker) => circuits.restOf(worker);
  const parts = { ...config, clock, log, jobs: dispatch.jobs, replica, plugins, restOf };
  const doors = new SessionCounts(config.maxKeySessions, 'sessions with this worker key', 'BOWLINE_MAX_KEY_SESSIONS');
  return {
    work: (requests, context) => {
      const key = workerOf(context);
      doors.until(context.signal, key.id);
      return serveWorker(parts, key, requests, endsOf(context), (worker) => sessions.addWorker(worker));
    },
  };
}
