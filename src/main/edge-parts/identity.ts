// Who this edge is: the identity in its home, made by joining first where a join line is given.
import { controlUrl } from '../../base/control-address.ts';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { proxyFor } from '../../base/proxies.ts';
import type { EdgeConfig } from '../../edge/config/edge-config.ts';
import { type Identity, readIdentity } from '../../edge/identity/identity.ts';
import { join as joinControl } from '../../edge/identity/join.ts';
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
  const identity = line ? await joinControl({ file, home, line, name }) : await readIdentity(file);
  if (!identity) throw new AppError('NOT_JOINED', { home });
  const control = options.control ?? (config.control === undefined ? undefined : controlUrl(config.control));
  const found = control === undefined ? identity : { ...identity, control };
  proxyFor(new URL(found.control), process.env);
  return found;
}
