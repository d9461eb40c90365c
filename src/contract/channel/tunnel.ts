// A way through an HTTP proxy: CONNECT, and then bytes. The proxy learns host and port and nothing else; what goes through is
// encrypted and proven above it.
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { AppError } from '../../base/errors.ts';
import { bareHost, hostAndPort, portOf } from '../../base/host.ts';
import { boundInterimAnswers } from '../../base/interim-answers.ts';
import { proxyAuthorization } from '../../base/proxies.ts';

/** Throws PROXY_FAILED when the proxy cannot be reached or does not lead there, and the signal's reason. */
export function openTunnel(proxy: URL, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const to = hostAndPort(host, port);
  const secure = proxy.protocol === 'https:';
  const proxyHost = bareHost(proxy.hostname);
  const authorization = proxyAuthorization(proxy);
  const failed = (problem: string, cause?: unknown) =>
    new AppError('PROXY_FAILED', { proxy: proxy.host, to, problem }, { cause });
  return new Promise((resolve, reject) => {
    const request = (secure ? requestHttps : requestHttp)({
      method: 'CONNECT',
      host: proxyHost,
      port: portOf(proxy),
      path: to,
      headers: { host: to, ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }) },
      agent: false,
      signal,
      ...(secure && !isIP(proxyHost) ? { servername: proxyHost } : {}),
    });
    boundInterimAnswers(request);
    request.once('connect', ({ statusCode = 0 }, socket, head) => {
      // It stays, also for what happens before the next owner listens.
      socket.on('error', () => {});
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        reject(failed(statusCode === 407 ? 'it wants a name and password (407)' : `it says ${statusCode}`));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket as Socket);
    });
    request.once('response', (response) => {
      response.destroy();
      reject(failed(`it says ${response.statusCode}`));
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(signal.aborted ? signal.reason : failed(error.code ?? error.message, error)),
    );
    request.end();
  });
}
