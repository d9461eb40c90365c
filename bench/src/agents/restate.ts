// Restate's caller: over the HTTP ingress of its server, connections kept.
import { Agent, request } from 'node:http';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies, type RateArgs, rate } from '../harness/load.ts';

interface Steps {
  readonly steps: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
let port = 0;

function run(steps: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const call = request(
      { host: '127.0.0.1', port, path: '/bench/run', method: 'POST', agent, headers },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`${response.statusCode}: ${body}`));
        });
      },
    );
    call.on('error', reject);
    call.end(JSON.stringify({ steps }));
  });
}

serveAgent({
  connect: (place: { port: number }) => {
    port = place.port;
  },
  latency: ({ steps, ...args }: LatencyArgs & Steps) => latencies(() => run(steps), args),
  rate: ({ steps, ...args }: RateArgs & Steps) => rate(() => run(steps), args),
});
