// Reads the file in which an operator declares pools.
import { existsSync } from 'node:fs';
import * as v from 'valibot';
import { readConfig } from '../../base/config-file.ts';
import { AppError } from '../../base/errors.ts';
import { capabilityMethods } from '../../contract/registry.ts';
import { workerCapabilities } from '../../contract/worker-capabilities.ts';
import type { DeclaredPool } from './pools.ts';
import { NO_PROVIDER, type ServedPackage } from './worker-view.ts';

const NAME = v.pipe(
  v.string(),
  v.regex(/^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u, 'a name has up to 64 letters, digits, dots and dashes'),
);
const COUNT = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000));
const TEXT = v.pipe(v.string(), v.maxLength(128));

const SCHEMA = v.strictObject({
  pools: v.optional(
    v.record(
      NAME,
      v.strictObject({
        serve: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(64)),
        labels: v.optional(v.record(NAME, TEXT), {}),
        provider: v.optional(TEXT, NO_PROVIDER),
        local: v.optional(v.boolean(), true),
        slots: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_024)), 8),
        tenants: v.optional(v.array(TEXT), ['*']),
        min: v.optional(COUNT, 0),
        max: v.optional(COUNT, 1),
      }),
    ),
    {},
  ),
});

/** Most pools of one file: each is looked at for each job that is placed. */
const MOST = 64;

/** The pools in the order of the file; none without a file. Throws CONFIG_INVALID. */
export function readPools(file: string | undefined): DeclaredPool[] {
  if (file === undefined) return [];
  if (!existsSync(file))
    throw new AppError('CONFIG_INVALID', { file, line: 1, column: 1, problem: 'there is no such file' });
  const { value, fail } = readConfig(file, SCHEMA);
  const all = Object.entries(value.pools);
  if (all.length > MOST) fail(['pools'], `there may be ${MOST} pools`);
  return all.map(([name, pool]) => {
    const { labels, tenants, provider, slots, min, max } = pool;
    if (min > max) fail(['pools', name, 'min'], 'it is more than max');
    const locality = pool.local ? ('local' as const) : ('remote' as const);
    const priceMicrosPerKiloToken = Number(labels.price ?? 0) || 0;
    const packages = pool.serve.map((short, n) => served(short) ?? fail(['pools', name, 'serve', n], unknown(short)));
    const worker = {
      id: `pool:${name}`,
      replica: '',
      name: `pool ${name}`,
      packages,
      labels,
      pool: name,
      tenants,
      tier: labels.tier === '1' || labels.tier === '2' ? Number(labels.tier) : 0,
      region: labels.region ?? '',
      priceMicrosPerKiloToken,
      provider,
      locality,
      // Of its models only what its label says is known before it is there.
      models: labels.model ? [{ alias: labels.model, provider, locality, priceMicrosPerKiloToken }] : [],
      freeSlots: 0,
      totalSlots: slots,
      starting: true,
    };
    return { name, min, max, worker };
  });
}

const SERVED: readonly ServedPackage[] = workerCapabilities.map((service) => ({
  package: service.file.proto.package,
  methods: capabilityMethods([service]).map(({ desc }) => desc.name),
}));

const shortOf = (name: string): string => name.split('.').at(-2) ?? name;

const served = (short: string): ServedPackage | undefined => SERVED.find((each) => shortOf(each.package) === short);

const unknown = (short: string): string =>
  `${short} is no capability of workers; there are ${SERVED.map((each) => shortOf(each.package)).join(', ')}`;
