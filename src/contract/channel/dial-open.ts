// Opens connections that carry no secret and no name: nobody has to prove anything on them. (Whether a control plane is ready.)
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Dial } from '../h2-sessions.ts';

/** In clear for `http://`; with `https://` the certificate is checked. */
export function dialOpen(url: string): Dial {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const secure = protocol === 'https:';
  const to = { host, port: Number(port) || (secure ? 443 : 80) };
  return (signal) =>
    new Promise((resolve, reject) => {
      const socket = secure
        ? connectTls({
            ...to,
            minVersion: 'TLSv1.3',
            ALPNProtocols: ['h2'],
            ...(isIP(host) ? {} : { servername: host }),
          })
        : connectTcp(to);
      // It stays, also for what happens before the next owner listens.
      socket.on('error', reject);
      socket.once(secure ? 'secureConnect' : 'connect', () => resolve(socket));
      const end = () => socket.destroy(signal.reason);
      signal.addEventListener('abort', end, { once: true });
      socket.once('close', () => signal.removeEventListener('abort', end));
    });
}
