// A small real HTTP proxy (CONNECT, and requests in clear) that leads every name to this machine.
import { createServer, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface HttpProxy {
  readonly url: string;
  /** `host:port` of each CONNECT, the whole URL of each request in clear. */
  readonly asked: string[];
  /** What was said of the user, request by request. */
  readonly users: (string | undefined)[];
  /** All that came from clients through tunnels. */
  readonly heard: Buffer[];
  close(): Promise<void>;
}

/** @param refuse the status with which all is refused */
export async function httpProxy(refuse?: number): Promise<HttpProxy> {
  const asked: string[] = [];
  const users: (string | undefined)[] = [];
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '');
    users.push(incoming.headers['proxy-authorization']);
    const to = URL.parse(incoming.url ?? '');
    if (refuse !== undefined || !to) return response.writeHead(refuse ?? 400).end();
    const { method, headers } = incoming;
    const path = to.pathname + to.search;
    const onward = request({ host: '127.0.0.1', port: to.port, method, path, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    return incoming.pipe(onward);
  });
  server.on('connection', (socket) => sockets.add(socket.on('error', () => socket.destroy())));
  server.on('connect', (incoming, socket) => {
    asked.push(incoming.url ?? '');
    users.push(incoming.headers['proxy-authorization']);
    if (refuse !== undefined) return socket.end(`HTTP/1.1 ${refuse} No\r\ncontent-length: 0\r\n\r\n`);
    const to = connect(Number(incoming.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.on('data', (data: Buffer) => heard.push(data));
      to.pipe(socket).pipe(to);
    });
    sockets.add(to);
    to.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    return socket.on('close', () => to.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    users,
    heard,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
