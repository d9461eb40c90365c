// Connects to one address and, for https, lets its server prove who it is. Nothing of a request is sent before that.
import { timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { AppError } from '../../../base/errors.ts';
import type { LanEntry } from '../../config/lan-entry.ts';

/** @throws HOST_UNREACHABLE, HOST_UNPROVEN, why `signal` aborted. Whoever asked destroys it. */
export async function connectTo(entry: LanEntry, address: string, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const { name, port, scheme } = entry;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket =
    scheme === 'https' ? openTls(entry, address) : connectTcp({ host: address, port, autoSelectFamily: false });
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once(scheme === 'https' ? 'secureConnect' : 'connect', () => resolve());
  socket.once('error', (cause: NodeJS.ErrnoException) => reject(problemOf(name, cause)));
  // Until it is handed on nobody else listens, and an error that nobody hears ends the process.
  socket.on('error', () => {});
  try {
    await promise;
    if (entry.pin !== undefined) mustBePinned(socket as TLSSocket, entry);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function openTls({ host, port, ca, pin, name }: LanEntry, address: string): TLSSocket {
  return connectTls({
    host: address,
    port,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca: certificates(ca, name) }),
    // Judged by its own hash before anything is sent.
    ...(pin !== undefined && { rejectUnauthorized: false }),
  });
}

function certificates(file: string, entry: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AppError('HOST_UNPROVEN', { entry, problem: `its \`ca\` file cannot be read` }, { cause });
  }
}

function mustBePinned(socket: TLSSocket, { pin = '', name }: LanEntry): void {
  const own = Buffer.from(socket.getPeerCertificate().fingerprint256?.replaceAll(':', '') ?? '', 'hex');
  const wanted = Buffer.from(pin, 'hex');
  if (own.length === wanted.length && timingSafeEqual(own, wanted)) return;
  throw new AppError('HOST_UNPROVEN', { entry: name, problem: 'its certificate is not the one of `pin`' });
}

function problemOf(entry: string, cause: NodeJS.ErrnoException): AppError {
  const code = cause.code ?? '';
  if (/^(?:CERT_|ERR_TLS_CERT|DEPTH_|SELF_SIGNED|UNABLE_TO|ERR_OSSL|INVALID_|HOSTNAME)/.test(code))
    return new AppError('HOST_UNPROVEN', { entry, problem: `its certificate was not accepted (${code})` }, { cause });
  return new AppError('HOST_UNREACHABLE', { entry, problem: code === '' ? 'it did not answer' : code }, { cause });
}
