// Opens connections that carry no secret and no name: nobody has to prove anything on them. (Whether a control plane is ready.)
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { bareHost, portOf } from '../../base/host.ts';
import { type ProxyEnv, proxyFor } from '../../base/proxies.ts';
import type { Dial } from '../h2-sessions.ts';
import { openTunnel } from './tunnel.ts';

/** In clear for `http://`; with `https://` the certificate is checked. Proxies of the environment are honoured. */
export function dialOpen(address: string, env: ProxyEnv = process.env): Dial {
  const url = new URL(address);
  const secure = url.protocol === 'https:';
  const host = bareHost(url.hostname);
  const port = portOf(url);
  return async (signal) => {
    const proxy = proxyFor(url, env);
    const tunnel = proxy && (await openTunnel(proxy, host, port, signal));
    return open({ secure, host, port, tunnel }, signal);
  };
}

interface Target {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly tunnel: Socket | undefined;
}

function open({ secure, host, port, tunnel }: Target, signal: AbortSignal): Promise<Socket> {
  if (tunnel && !secure) return Promise.resolve(tunnel);
  const to = tunnel ? { socket: tunnel } : { host, port };
  return new Promise((resolve, reject) => {
    const socket = secure
      ? connectTls({
          ...to,
          minVersion: 'TLSv1.3',
          ALPNProtocols: ['h2'],
          ...(isIP(host) ? {} : { servername: host }),
        })
      : connectTcp({ host, port });
    // It stays, also for what happens before the next owner listens.
    socket.on('error', reject);
    socket.once(secure ? 'secureConnect' : 'connect', () => resolve(socket));
    const end = () => {
      socket.destroy(signal.reason);
      tunnel?.destroy();
    };
    signal.addEventListener('abort', end, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', end));
  });
}
