// Who this edge is: the identity in its home, made by joining first where a join line is given.
import { controlUrl } from '../../base/control-address.ts';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { proxyFor } from '../../base/proxies.ts';
import type { EdgeConfig } from '../../edge/config/edge-config.ts';
import { type Identity, readIdentity } from '../../edge/identity/identity.ts';
import { type JoinLine, join as joinControl } from '../../edge/identity/join.ts';
import type { StartEdge } from './options.ts';

/**
 * Who this box is, and where it dials: the flag, else config.yaml, else where it joined. Throws NOT_JOINED, and USAGE where the
 * environment names what is no proxy.
 */
export async function identityOf(options: StartEdge, config: EdgeConfig): Promise<Identity> {
  const { home, line, log } = options;
  const file = homePaths(home).device;
  const name = options.name ?? config.name;
  if (line) log.info('joining a control plane', { control: line.url });
  const identity = line ? await joined(options, line, name) : await readIdentity(file);
  if (!identity) throw new AppError('NOT_JOINED', { home });
  const control = options.control ?? (config.control === undefined ? undefined : controlUrl(config.control));
  const found = control === undefined ? identity : { ...identity, control };
  proxyFor(new URL(found.control), process.env);
  return found;
}

/** Joins, and says what became of a home that was a device before. */
async function joined(
  { home, clock, log, say }: StartEdge,
  line: JoinLine,
  name: string | undefined,
): Promise<Identity> {
  const file = homePaths(home).device;
  const { identity, became } = await joinControl({ file, home, line, name, now: () => clock.now() });
  if (became.kind === 'same') {
    log.info('this home has used this join line already', { device: identity.device });
    say?.(`this home has used this join line already; it stays the device ${identity.name}`);
  } else if (became.kind === 'anew') {
    const { before, aside } = became;
    log.warn('this home is another device from now on', { device: identity.device, before: before.device, aside });
    say?.(
      `this home is the new device ${identity.name} (${identity.device}) from now on. Before, it was ${before.name} (${before.device}), whose file is kept: ${aside}`,
    );
  }
  return identity;
}
