// What placement sees of a worker, from what it said of itself and what its key allows. Pure.
import { NO_PROVIDER, type WorkerView } from '../../routing/worker-view.ts';
import type { WorkerSaid } from '../session-ports.ts';

export interface WorkerStanding {
  /** Of its session. */
  readonly id: string;
  /** The replica that holds its stream. */
  readonly replica: string;
  readonly hello: WorkerSaid;
  readonly tenants: readonly string[];
  readonly pool: string;
}

/** Everything but the free slots, which change. */
export function worksAs({ id, replica, hello, tenants, pool }: WorkerStanding): Omit<WorkerView, 'freeSlots'> {
  const labels = Object.fromEntries((hello.manifest?.labels ?? []).map(({ name, value }) => [name, value]));
  const model = hello.models[0];
  return {
    id,
    replica,
    name: hello.name,
    packages: (hello.manifest?.capabilities ?? []).map((capability) => ({
      package: capability.package,
      methods: capability.methods.map(({ name }) => name),
    })),
    labels,
    pool,
    tenants,
    tier: tierOf(labels.tier),
    region: labels.region ?? '',
    priceMicrosPerKiloToken: Number(labels.price ?? 0) || 0,
    provider: model?.provider ?? NO_PROVIDER,
    locality: localityOf(model),
    models: hello.models.map((each) => ({
      alias: each.alias,
      provider: each.provider,
      locality: localityOf(each),
      priceMicrosPerKiloToken: Math.ceil((each.price?.input ?? 0) * 1000),
    })),
    totalSlots: hello.slots,
  };
}

const localityOf = (model: WorkerSaid['models'][number] | undefined): WorkerView['locality'] =>
  model?.local === false ? 'remote' : 'local';

/** 0 to 2; anything else a worker says counts as the cheapest. */
const tierOf = (label: string | undefined): number => (label === '1' || label === '2' ? Number(label) : 0);
