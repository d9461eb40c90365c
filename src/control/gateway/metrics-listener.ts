// The listener of operators: metrics as Prometheus reads them, and whether each part is well. Nothing is told without its key.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { AppError } from '../../base/errors.ts';
import { bareHost, isLoopback, serverUrl } from '../../base/host.ts';
import type { Logger } from '../../base/logger.ts';
import type { ServerTls } from './server.ts';

export interface MetricsListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: ServerTls | undefined;
  /** Whoever shows it is told. */
  readonly key: string;
  /** Metrics in the text form of Prometheus. */
  readonly text: () => Promise<string>;
  /** Names of parts, and whether each is well. */
  readonly health: () => Readonly<Record<string, boolean>>;
  readonly log: Logger;
}

/** Of one connection, and of all: scrapers are few. */
const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8 << 10 };
const MAX_CONNECTIONS = 32;
const FORM = 'text/plain; version=0.0.4; charset=utf-8';

/** Throws LISTEN_FAILED, and INSECURE_LISTEN for an address beyond loopback without TLS. */
export async function listenForScrapers(
  options: MetricsListenerOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const { host, port, tls, log } = options;
  if (!tls && !isLoopback(host)) throw new AppError('INSECURE_LISTEN', { host });
  const known = digestOf(`Bearer ${options.key}`);
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    answer(options, known, request, response).catch((error: unknown) => {
      log.error('metrics could not be read', error);
      end(response, 503, 'the metrics cannot be read now; see the log\n');
    });
  };
  const server = tls
    ? createHttps({ ...LIMITS, cert: tls.cert, key: tls.key.reveal(), minVersion: 'TLSv1.3' }, handle)
    : createHttp(LIMITS, handle);
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const problem = cause.code === 'EADDRINUSE' ? 'it is taken; set another BOWLINE_METRICS_PORT' : cause.message;
      reject(new AppError('LISTEN_FAILED', { host, port, problem }, { cause }));
    });
    server.listen(port, bareHost(host), resolve);
  });
  server.on('error', (error) => log.error('the listener of metrics failed', error));
  const bound = server.address();
  return {
    url: serverUrl(tls !== undefined, host, typeof bound === 'object' && bound ? bound.port : port),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { text, health }: MetricsListenerOptions,
  known: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  if (request.method !== 'GET') return end(response, 405, 'only GET\n');
  if (!timingSafeEqual(digestOf(request.headers.authorization ?? ''), known)) {
    response.setHeader('www-authenticate', 'Bearer');
    return end(response, 401, 'show the key of metrics.key as `Authorization: Bearer KEY`\n');
  }
  if (request.url === '/metrics') return end(response, 200, await text(), FORM);
  if (request.url !== '/health') return end(response, 404, 'there are /metrics and /health\n');
  const parts = health();
  const well = Object.values(parts).every(Boolean);
  end(response, well ? 200 : 503, `${JSON.stringify({ well, parts })}\n`, 'application/json');
}

function end(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
