// A worker as placement sees it: on this machine, with one slot for chat. A test says what matters to it.
import type { WorkerView } from '../../src/control/routing/worker-view.ts';

export const workerView = (id: string, more: Partial<WorkerView> = {}): WorkerView => ({
  id,
  replica: 'r1',
  name: id,
  packages: [{ package: 'bowline.capability.llm.v1', methods: ['Chat'] }],
  labels: {},
  pool: 'default',
  tenants: ['*'],
  tier: 0,
  region: '',
  priceMicrosPerKiloToken: 0,
  provider: 'rules',
  locality: 'local',
  models: [],
  freeSlots: 1,
  totalSlots: 1,
  ...more,
});
