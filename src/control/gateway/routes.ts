// All services on the port, in one place.

import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import { LRUCache } from 'lru-cache';
import { ApprovalService } from '../../../gen/bowline/control/v1/approval_service_pb.ts';
import { AuditService } from '../../../gen/bowline/control/v1/audit_service_pb.ts';
import { BudgetService } from '../../../gen/bowline/control/v1/budget_service_pb.ts';
import { ConversationService } from '../../../gen/bowline/control/v1/conversation_service_pb.ts';
import { DeviceService } from '../../../gen/bowline/control/v1/device_service_pb.ts';
import { JobService } from '../../../gen/bowline/control/v1/job_service_pb.ts';
import { KeyService } from '../../../gen/bowline/control/v1/key_service_pb.ts';
import { PluginService } from '../../../gen/bowline/control/v1/plugin_service_pb.ts';
import { RegistryService } from '../../../gen/bowline/control/v1/registry_service_pb.ts';
import { RouteService } from '../../../gen/bowline/control/v1/route_service_pb.ts';
import { RunService } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../../gen/bowline/control/v1/status_service_pb.ts';
import { UsageService } from '../../../gen/bowline/control/v1/usage_service_pb.ts';
import { WorkerPoolService } from '../../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { EdgeService } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { EnrollmentService } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import { WorkerService } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionAlpha } from '../../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import type { Logger } from '../../base/logger.ts';
import type { Plugins } from '../identity/plugins.ts';
import type { ChangingRoutes } from './adapter.ts';
import { type HealthBoard, healthService } from './health.ts';
import { type MeshParts, meshRoutes } from './mesh.ts';
import { Reflector } from './reflection.ts';
import { reflectionAlphaService, reflectionService } from './reflection-service.ts';

export interface Services {
  readonly edge: ServiceImpl<typeof EdgeService>;
  readonly worker: ServiceImpl<typeof WorkerService>;
  readonly enrolment: ServiceImpl<typeof EnrollmentService>;
  readonly runs: ServiceImpl<typeof RunService>;
  readonly conversations: ServiceImpl<typeof ConversationService>;
  readonly devices: ServiceImpl<typeof DeviceService>;
  readonly workers: ServiceImpl<typeof WorkerPoolService>;
  readonly keys: ServiceImpl<typeof KeyService>;
  readonly registry: ServiceImpl<typeof RegistryService>;
  readonly status: ServiceImpl<typeof StatusService>;
  readonly usage: ServiceImpl<typeof UsageService>;
  readonly budgets: ServiceImpl<typeof BudgetService>;
  readonly routes: ServiceImpl<typeof RouteService>;
  readonly jobs: ServiceImpl<typeof JobService>;
  readonly approvals: ServiceImpl<typeof ApprovalService>;
  readonly audit: ServiceImpl<typeof AuditService>;
  readonly pluginApi: ServiceImpl<typeof PluginService>;
  readonly plugins: Plugins;
  readonly health: HealthBoard;
  readonly mesh: MeshParts;
}

const PUBLIC: readonly DescService[] = [
  RunService,
  ConversationService,
  DeviceService,
  WorkerPoolService,
  KeyService,
  RegistryService,
  StatusService,
  UsageService,
  BudgetService,
  RouteService,
  JobService,
  AuditService,
  ApprovalService,
  PluginService,
  Health,
  ServerReflection,
  ServerReflectionAlpha,
];

/** Registers everything that is compiled in; sessions and enrolment are served, but never reflected. */
export function routes(services: Services): (router: ConnectRouter) => void {
  const builtIn = services.mesh.methods.all.filter(({ plugin }) => !plugin);
  const capabilities = [...new Set(builtIn.map((method) => method.service))];
  const reflectors = reflectorsOf([...PUBLIC, ...capabilities], services.plugins);
  for (const service of [...PUBLIC, ...capabilities]) services.health.set(service.typeName, true);
  return (router) => {
    router
      .service(EdgeService, services.edge)
      .service(WorkerService, services.worker)
      .service(EnrollmentService, services.enrolment)
      .service(RunService, services.runs)
      .service(ConversationService, services.conversations)
      .service(DeviceService, services.devices)
      .service(WorkerPoolService, services.workers)
      .service(KeyService, services.keys)
      .service(RegistryService, services.registry)
      .service(StatusService, services.status)
      .service(UsageService, services.usage)
      .service(BudgetService, services.budgets)
      .service(RouteService, services.routes)
      .service(JobService, services.jobs)
      .service(AuditService, services.audit)
      .service(ApprovalService, services.approvals)
      .service(Health, healthService(services.health))
      .service(PluginService, services.pluginApi)
      .service(ServerReflection, reflectionService(reflectors))
      .service(ServerReflectionAlpha, reflectionAlphaService(reflectors));
    meshRoutes(router, services.mesh, builtIn);
  };
}

/** The methods of plugins, which come and go. */
export function pluginRoutes({ mesh, plugins }: Pick<Services, 'mesh' | 'plugins'>, log: Logger): ChangingRoutes {
  return {
    get revision() {
      return plugins.revision;
    },
    routes: (router) =>
      meshRoutes(
        router,
        mesh,
        mesh.methods.all.filter(({ plugin }) => plugin),
      ),
    look: (path) => plugins.look(path).catch((error) => log.debug('plugins were not read', { why: String(error) })),
  };
}

/** What an owner is shown: everything public, and the plugins of its tenant. Made again when plugins changed. */
function reflectorsOf(fixed: readonly DescService[], plugins: Plugins): (tenant: string) => Reflector {
  const made = new LRUCache<string, { revision: number; reflector: Reflector }>({ max: 100 });
  return (tenant) => {
    const known = made.get(tenant);
    if (known?.revision === plugins.revision) return known.reflector;
    const own = plugins.ofTenant(tenant).map(({ service }) => service);
    const reflector = new Reflector([...fixed, ...own]);
    made.set(tenant, { revision: plugins.revision, reflector });
    return reflector;
  };
}
