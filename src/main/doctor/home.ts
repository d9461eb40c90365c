// What `doctor` looks at in the home: who may read it, and whether its files can be used. It changes nothing.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { homePaths } from '../../base/home.ts';
import { shellQuote } from '../../base/shell-quote.ts';
import { toAppError } from '../../contract/errors.ts';
import { loadEdgeConfig } from '../../edge/config/edge-config.ts';
import { type DoctorFinding, fault, forHome, ok } from './finding.ts';

export function modes(home: string): DoctorFinding[] {
  if (!existsSync(home)) return [ok('home', `${home} is made at the first start`)];
  const { ownerKey, device, keys } = homePaths(home);
  const secrets = [ownerKey, device, ...(existsSync(keys) ? readdirSync(keys).map((name) => join(keys, name)) : [])];
  const open = secrets.filter((file) => existsSync(file) && (statSync(file).mode & 0o077) !== 0);
  const found = [
    ...((statSync(home).mode & 0o077) === 0
      ? []
      : [fault('home', `${home} can be entered by other users`, `chmod 700 ${shellQuote(home)}`)]),
    ...open.map((file) => fault('home', `${file} can be read by other users`, `chmod 600 ${shellQuote(file)}`)),
  ];
  return found.length > 0 ? found : [ok('home', `${home} is yours alone`)];
}

/** The configuration of the edge, and what it lets be read. A box whose control plane is elsewhere may have none. */
export function config(home: string, usual: string): DoctorFinding {
  try {
    const { roots } = loadEdgeConfig(homePaths(home).config);
    if (roots.length > 0) return ok('config', `may read ${roots.map(({ path }) => path).join(', ')}`);
    return fault('config', 'no folder may be read', forHome('bowline init --yes --allow FOLDER', home, usual));
  } catch (error) {
    return fault('config', toAppError(error).message, 'mend the line, or remove it');
  }
}
