// The plugins that owners added: their contracts in the database, and in memory as methods of the registry. Every replica
// reads them at its start, now and then, and when somebody names a package that it does not know.
import { Buffer } from 'node:buffer';
import type { DescService } from '@bufbuild/protobuf';
import { type Kysely, sql } from 'kysely';
import type { Effect } from '../../../gen/bowline/policy/v1/options_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { every } from '../../base/every.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import type { Logger } from '../../base/logger.ts';
import { inStore } from '../../base/sql-failure.ts';
import { type PluginContract, readPlugin } from '../../contract/plugin.ts';
import { mustCompile } from '../../contract/plugin-rules.ts';
import {
  type CapabilityMethod,
  type MethodRegistry,
  type PluginStanding,
  pluginMethods,
} from '../../contract/registry.ts';
import { writeAudit } from '../ledger/audit.ts';
import type { Schema } from '../store/schema.ts';
import { inTransaction } from '../store/transaction.ts';

export interface PluginsParts {
  readonly db: Kysely<Schema>;
  readonly methods: MethodRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often the database is read again. */
  readonly everyMs: number;
}

/** A plugin as it stands. */
export interface StoredPlugin extends PluginStanding {
  readonly package: string;
  readonly service: DescService;
  readonly methods: readonly CapabilityMethod[];
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
}

/** Plugins of one tenant. */
const MAX_PLUGINS = 100;

const MAY_BE_PLUGIN = /^(?!bowline\.|google\.|grpc\.|buf\.)[a-z][a-z0-9_.]*\.[A-Z]\w*$/;

/** A package that is not known is looked for in the database at most this often. */
const LOOK_MS = 500;

export class Plugins {
  readonly #parts: PluginsParts;
  #byPackage: ReadonlyMap<string, StoredPlugin> = new Map();
  #revision = 0;
  #looked = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #stop = () => {};

  constructor(parts: PluginsParts) {
    this.#parts = parts;
  }

  /** Reads them for the first time, and from then on again and again. Throws STORE_UNAVAILABLE. */
  async start(): Promise<void> {
    const { clock, everyMs, log } = this.#parts;
    await this.refresh();
    const failed = (error: unknown) => log.debug('plugins could not be read yet', { why: String(error) });
    this.#stop = every(clock, everyMs, () => this.refresh(), failed);
  }

  stop(): void {
    this.#stop();
  }

  /** Grows when any changed. */
  get revision(): number {
    return this.#revision;
  }

  ofTenant(tenant: string): StoredPlugin[] {
    return [...this.#byPackage.values()].filter((plugin) => plugin.tenant === tenant);
  }

  /** The plugin of this package, read from the database if it is not known. Throws STORE_UNAVAILABLE. */
  async find(name: string): Promise<StoredPlugin | undefined> {
    if (!this.#byPackage.has(name)) await this.#lookOnce();
    return this.#byPackage.get(name);
  }

  /** Learns of a plugin with this path of a method, if it is not known. Throws STORE_UNAVAILABLE. */
  async look(path: string): Promise<void> {
    const name = path.slice(1, Math.max(path.indexOf('/', 1), 1));
    if (MAY_BE_PLUGIN.test(name)) await this.find(name.slice(0, name.lastIndexOf('.')));
  }

  /** Adds or replaces one. Within a transaction the caller refreshes when that is committed. Throws PLUGIN_INVALID, PLUGIN_TAKEN, LIMIT_EXCEEDED. */
  async add(
    wanted: { tenant: string; descriptorSet: Uint8Array; effect: Effect; idempotent: boolean; trusted: boolean },
    by: string,
    db: Kysely<Schema> = this.#parts.db,
  ): Promise<StoredPlugin> {
    const { tenant, effect, idempotent, trusted } = wanted;
    const contract = readPlugin(wanted.descriptorSet);
    mustCompile(contract.service);
    const values = {
      package: contract.package,
      tenant,
      descriptor_set: Buffer.from(wanted.descriptorSet),
      digest: Buffer.from(contract.digest),
      effect,
      idempotent,
      trusted,
    };
    const updatedAt = await inTransaction(db, async (trx) => {
      // Two that are added at once are counted one after the other.
      await sql`select pg_advisory_xact_lock(hashtext(${`plugins of ${tenant}`}))`.execute(trx);
      const own = await trx.selectFrom('plugin').select('package').where('tenant', '=', tenant).execute();
      if (own.length >= MAX_PLUGINS && !own.some((row) => row.package === contract.package)) {
        throw fixedLimit('the number of plugins', MAX_PLUGINS, 'remove some (`bowline plugins rm PACKAGE`)');
      }
      const { package: _key, ...changes } = values;
      const stored = await trx
        .insertInto('plugin')
        .values(values)
        .onConflict((conflict) =>
          conflict
            .column('package')
            .doUpdateSet({ ...changes, updated_at: sql`now()` })
            .where('plugin.tenant', '=', tenant),
        )
        .returning('updated_at')
        .executeTakeFirst();
      if (!stored) throw new AppError('PLUGIN_TAKEN', { package: contract.package });
      const digest = Buffer.from(contract.digest).toString('hex');
      const detail = { digest, effect, idempotent, trusted };
      await writeAudit(trx, [
        { tenant, principal: by, action: 'plugin.add', subject: `plugin:${contract.package}`, detail },
      ]);
      return stored.updated_at.getTime();
    });
    if (!db.isTransaction) await this.refresh();
    return pluginOf(contract, { tenant, effect, idempotent, trusted }, updatedAt);
  }

  /** False when there is none. Within a transaction the caller refreshes when that is committed. */
  async remove(tenant: string, name: string, by: string, db: Kysely<Schema> = this.#parts.db): Promise<boolean> {
    const removed = await inTransaction(db, async (trx) => {
      const gone = await trx
        .deleteFrom('plugin')
        .where('tenant', '=', tenant)
        .where('package', '=', name)
        .returning('package')
        .executeTakeFirst();
      if (gone) {
        await writeAudit(trx, [{ tenant, principal: by, action: 'plugin.remove', subject: `plugin:${name}` }]);
      }
      return gone !== undefined;
    });
    if (!db.isTransaction) await this.refresh();
    return removed;
  }

  /** Reads all of them. Calls at the same time share one read. Throws STORE_UNAVAILABLE. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #lookOnce(): Promise<void> {
    const now = this.#parts.clock.monotonic();
    if (now - this.#looked < LOOK_MS) return;
    this.#looked = now;
    await this.refresh();
  }

  async #read(): Promise<void> {
    const { db, methods, log } = this.#parts;
    const rows = await inStore(() => db.selectFrom('plugin').selectAll().orderBy('package').execute());
    const next = new Map<string, StoredPlugin>();
    for (const row of rows) {
      const known = this.#byPackage.get(row.package);
      const updatedAt = row.updated_at.getTime();
      if (known && known.updatedAt === updatedAt && known.tenant === row.tenant) {
        next.set(row.package, known);
        continue;
      }
      try {
        next.set(
          row.package,
          pluginOf(readPlugin(row.descriptor_set), { ...row, effect: row.effect as Effect }, updatedAt),
        );
      } catch (error) {
        // A newer replica took it; this version cannot read it.
        log.error('a plugin cannot be read', error, { package: row.package });
      }
    }
    const same =
      next.size === this.#byPackage.size && [...next].every(([name, each]) => this.#byPackage.get(name) === each);
    if (same) return;
    this.#byPackage = next;
    this.#revision++;
    methods.setPlugins([...next.values()].flatMap((plugin) => plugin.methods));
  }
}

/** What is compiled into the control plane; everything else is a plugin. */
const isBuiltIn = (name: string): boolean => name.startsWith('bowline.');

/**
 * A plugin is served only for its owner, and only by a worker that was built from the contract that the owner added. Throws
 * WORKER_CLAIM_REFUSED, STORE_UNAVAILABLE.
 */
export async function verifyContract(
  plugins: Pick<Plugins, 'find'>,
  tenants: readonly string[],
  claim: { readonly package: string; readonly descriptorSha256: Uint8Array },
): Promise<void> {
  if (isBuiltIn(claim.package)) return;
  const refuse = (why: string) => new AppError('WORKER_CLAIM_REFUSED', { what: `serving ${claim.package}: ${why}` });
  const plugin = await plugins.find(claim.package);
  if (!plugin || !(tenants.includes('*') || tenants.includes(plugin.tenant)))
    throw refuse('there is no such plugin; its owner adds it with `bowline plugins add FILE`');
  if (Buffer.compare(plugin.digest, claim.descriptorSha256) !== 0)
    throw refuse('its contract is another one than its owner added');
}

function pluginOf(
  contract: PluginContract,
  { tenant, effect, idempotent, trusted }: Omit<PluginStanding, 'digest'>,
  updatedAt: number,
): StoredPlugin {
  const standing = { tenant, effect, idempotent, trusted, digest: contract.digest };
  const { package: name, service } = contract;
  return { ...standing, package: name, service, methods: pluginMethods(contract.service, standing), updatedAt };
}
