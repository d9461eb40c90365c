// All services on the port, in one place.

import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import { ConversationService } from '../../../gen/bowline/control/v1/conversation_service_pb.ts';
import {
  ApprovalService,
  AuditService,
  DeviceService,
  RegistryService,
  StatusService,
  UsageService,
  WorkerPoolService,
} from '../../../gen/bowline/control/v1/fleet_service_pb.ts';
import { RunService } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { EdgeService } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { EnrollmentService } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import { WorkerService } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionAlpha } from '../../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
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
  readonly registry: ServiceImpl<typeof RegistryService>;
  readonly status: ServiceImpl<typeof StatusService>;
  readonly approvals: ServiceImpl<typeof ApprovalService>;
  readonly usage: ServiceImpl<typeof UsageService>;
  readonly audit: ServiceImpl<typeof AuditService>;
  readonly health: HealthBoard;
  readonly mesh: MeshParts;
}

const PUBLIC: readonly DescService[] = [
  RunService,
  ConversationService,
  DeviceService,
  WorkerPoolService,
  RegistryService,
  StatusService,
  ApprovalService,
  UsageService,
  AuditService,
  Health,
  ServerReflection,
  ServerReflectionAlpha,
];

/** Registers everything; sessions and enrolment are served, but never reflected. */
export function routes(services: Services): (router: ConnectRouter) => void {
  const capabilities = [...new Set(services.mesh.methods.all.map((method) => method.service))];
  const reflector = new Reflector([...PUBLIC, ...capabilities]);
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
      .service(RegistryService, services.registry)
      .service(StatusService, services.status)
      .service(ApprovalService, services.approvals)
      .service(UsageService, services.usage)
      .service(AuditService, services.audit)
      .service(Health, healthService(services.health))
      .service(ServerReflection, reflectionService(reflector))
      .service(ServerReflectionAlpha, reflectionAlphaService(reflector));
    meshRoutes(router, services.mesh);
  };
}
