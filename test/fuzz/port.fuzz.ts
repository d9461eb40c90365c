// The port of a whole control plane: peers with and without a credential that speak HTTP/2 as they like.
import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import { TestControl } from '../support/control-plane.ts';
import type { Fuzz } from './fuzz.ts';
import { attack } from './hostile-peers.ts';

const PATHS = [
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
  '/bowline.edge.v1.EnrollmentService/Join',
  '/bowline.edge.v1.EdgeService/Connect',
  '/bowline.worker.v1.WorkerService/Work',
  '/bowline.control.v1.RunService/ListRuns',
  '/bowline.control.v1.StatusService/GetStatus',
  '/bowline.capability.fs.v1.FileService/List',
  '/bowline.capability.embed.v1.EmbedService/Embed',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/made.of.nothing.v1.NoService/None',
];

export const portFuzz: Fuzz = {
  name: 'port',
  open: async () => {
    const test = await TestControl.start();
    const health = test.client(Health, undefined);
    const { port, hostname } = new URL(test.url);
    const owner = test.ownerKeys.get(test.control.tenant) ?? '';
    return attack({
      at: { port: Number(port), host: hostname },
      known: { paths: PATHS, keys: [owner, test.control.workerKey, `${owner}x`, ''] },
      faults: () =>
        test.lines.splice(0).flatMap((line) => (line.msg.startsWith('a request failed') ? [JSON.stringify(line)] : [])),
      honest: () => health.check({}),
      close: () => test.close(),
    });
  },
};
