// What `doctor` looks at of the servers of the local network that config.yaml permits: whether each is where its entry says, proves who it
// is, and its secrets can be used. It connects, and sends nothing of a request.
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { silentLogger } from '../../base/logger.ts';
import { toAppError } from '../../contract/errors.ts';
import { headerSecret, type LanEntry } from '../../edge/config/lan-entry.ts';
import { SecretBook } from '../../edge/secrets/secret-book.ts';
import { connectTo } from '../../edge/tools/lan/connect.ts';
import { findAddress, systemLookUp } from '../../edge/tools/lan/find-address.ts';
import { configOf } from './commands.ts';
import { type DoctorFinding, ok, warning } from './finding.ts';

/** Longest time of one look: all are looked at together. */
const LOOK_MS = 3_000;

/** Nothing where config.yaml permits no server. */
export async function lan(home: string, lookUp = systemLookUp): Promise<DoctorFinding[]> {
  const config = configOf(home);
  if (!config || config.lan.length === 0) return [];
  const secrets = new SecretBook({ folder: homePaths(home).secrets, files: config.secrets }, silentLogger);
  return Promise.all(
    config.lan.map(async (entry) => {
      try {
        for (const text of Object.values(entry.headers)) secrets.reveal(headerSecret(text)?.handle ?? '');
        return await reached(entry, lookUp);
      } catch (error) {
        const { reason, message } = toAppError(error);
        return warning('lan', `${entry.name}: ${message}`, REMEDIES[reason] ?? `look at ${entry.name} in config.yaml`);
      }
    }),
  );
}

const REMEDIES: Readonly<Record<string, string>> = {
  HOST_UNREACHABLE: 'start that server, or correct `url` of its entry in config.yaml',
  HOST_UNPROVEN: 'correct `ca` or `pin` of its entry in config.yaml, or give that server a certificate for its name',
  HOST_NOT_LOCAL: 'correct `url` of its entry in config.yaml: it must be in the local network',
  SECRET_UNUSABLE: 'set that secret with `bowline secrets set NAME`',
};

async function reached(entry: LanEntry, lookUp: typeof systemLookUp): Promise<DoctorFinding> {
  const { name, port, scheme } = entry;
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new AppError('HOST_UNREACHABLE', { entry: name, problem: 'it is slow' })),
    LOOK_MS,
  );
  try {
    const address = await findAddress(entry, lookUp, late.signal);
    (await connectTo(entry, address, late.signal)).destroy();
    return ok('lan', `${name}: ${address} port ${port} ${scheme === 'https' ? 'proves itself' : 'answers, unproven'}`);
  } finally {
    clearTimeout(timer);
  }
}
