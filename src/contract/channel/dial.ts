// Opens the connection of a client to a control plane and lets the other side prove itself before anything is sent on it. What
// comes out of here carries HTTP/2; nothing else may dial a control plane with a secret. A proxy of the environment only passes
// bytes on.
import { isIP, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { AppError } from '../../base/errors.ts';
import { bareHost, portOf } from '../../base/host.ts';
import { type ProxyEnv, proxyFor } from '../../base/proxies.ts';
import { isProvenChannel, PROOF_BYTES, PROVEN_PROTOCOL } from './channel-proof.ts';
import { openTunnel } from './tunnel.ts';

/** Whom a client takes for its control plane. */
export interface Trust {
  /** Raw Ed25519 public keys, one of which must have made the proof. */
  readonly pins: readonly Uint8Array[];
  /** What to do when the key is not known or another one, as a sentence. */
  readonly remedy: string;
}

/** From the first packet to the proof. */
const PATIENCE_MS = 10_000;

/** What TLS says to a side that does not speak it. */
const NO_TLS = /^(ERR_SSL_|EPROTO)/;

export interface DialOptions {
  readonly patienceMs?: number;
  /** Whose proxies are honoured. */
  readonly env?: ProxyEnv;
}

/**
 * A connection whose other side is proven. In clear (`http://`) the certificate says nothing, only the proof; with `https://`
 * the certificate is checked besides. Throws the system's error when nobody can be reached, PROXY_FAILED, CONTROL_PIN_MISSING,
 * CONTROL_UNPROVEN and CONTROL_SILENT.
 */
export async function dialProven(control: string, trust: Trust, signal: AbortSignal, options: DialOptions = {}) {
  const { patienceMs = PATIENCE_MS, env = process.env } = options;
  const url = new URL(control);
  const to = { host: bareHost(url.hostname), port: portOf(url) };
  const proxy = proxyFor(url, env);
  if (!proxy) return prove(control, trust, to, signal, patienceMs);
  const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const tunnel = await openTunnel(proxy, to.host, to.port, patience).catch((error: unknown) => {
    if (!patience.aborted || signal.aborted) throw error;
    const problem = `it did not answer within ${patienceMs} ms`;
    throw new AppError('PROXY_FAILED', { proxy: proxy.host, to: url.host, problem }, { cause: error });
  });
  return prove(control, trust, { ...to, tunnel }, signal, patienceMs);
}

interface Target {
  readonly host: string;
  readonly port: number;
  /** What is dialled through, where there is a proxy. */
  readonly tunnel?: Socket;
}

function prove(control: string, trust: Trust, to: Target, signal: AbortSignal, patienceMs: number) {
  const { host, port, tunnel } = to;
  const secure = control.startsWith('https:');
  const { pins, remedy } = trust;
  const refused = (problem: string, cause?: unknown) =>
    new AppError('CONTROL_UNPROVEN', { control, problem, remedy }, { cause });
  return new Promise<TLSSocket>((resolve, reject) => {
    const socket = connect({
      ...(tunnel ? { socket: tunnel } : { host, port }),
      minVersion: 'TLSv1.3',
      ALPNProtocols: [PROVEN_PROTOCOL],
      ...(isIP(host) ? {} : { servername: host }),
      // Without a certificate to check no authority is loaded: that would cost a small box 2 MB.
      ...(secure ? {} : { ca: [], rejectUnauthorized: false }),
    });
    socket.setNoDelay(true);
    // It stays, also for what happens before the next owner listens.
    socket.on('error', () => {});
    let settled = false;
    const settle = (act: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      socket.off('readable', read).off('error', failed).off('end', ended).off('close', ended);
      act();
    };
    const fail = (error: unknown) =>
      settle(() => {
        socket.destroy();
        tunnel?.destroy();
        reject(error);
      });
    const failed = (error: NodeJS.ErrnoException) =>
      fail(NO_TLS.test(error.code ?? '') ? refused('it does not speak TLS 1.3', error) : error);
    const ended = () => fail(Object.assign(new Error('the connection ended before the proof'), { code: 'ECONNRESET' }));
    const aborted = () => fail(signal.reason);
    const read = () => {
      const proof: Uint8Array | null = socket.read(PROOF_BYTES);
      if (!proof) return;
      if (isProvenChannel(socket, proof, pins)) settle(() => resolve(socket));
      else fail(refused('its key is not the one that is known here'));
    };
    let isHeard = false;
    // Who says nothing at all proves nothing, but lies about nothing either: a program that is stopped or busy is like that.
    const late = () =>
      fail(
        isHeard
          ? refused(`no proof came within ${patienceMs} ms`)
          : new AppError('CONTROL_SILENT', { control, ms: patienceMs }),
      );
    const timer = setTimeout(late, patienceMs);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    socket.on('error', failed).on('end', ended).on('close', ended);
    const reached = () => {
      if (pins.length === 0) fail(new AppError('CONTROL_PIN_MISSING', { control, remedy }));
    };
    if (tunnel) reached();
    else socket.once('connect', reached);
    socket.once('secureConnect', () => {
      if (settled) return;
      isHeard = true;
      if (socket.alpnProtocol !== PROVEN_PROTOCOL) return fail(refused('it offers no proof'));
      socket.on('readable', read);
      read();
    });
  });
}
