// A real Prometheus that scrapes one target every second; installed with promtool.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { Program } from './program.ts';

export interface Scraped {
  /** `host:port`. */
  readonly target: string;
  readonly key: string;
}

export async function startPrometheus({ target, key }: Scraped) {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-prometheus-'));
  writeFileSync(join(folder, 'key'), key, { mode: 0o600 });
  writeFileSync(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: bowline-control
    authorization: { credentials_file: key }
    static_configs: [{ targets: ["${target}"] }]
`,
  );
  const port = await freePort();
  const words = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const program = new Program('prometheus', ['prometheus', ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '' },
  });
  await program.until('Server is ready');
  return {
    /** The samples that a query gives now. Throws what is wrong with it. */
    async query(expr: string): Promise<unknown[]> {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`);
      const answer = (await response.json()) as { status: string; error?: string; data?: { result: unknown[] } };
      if (answer.status !== 'success') throw new Error(`${expr}: ${answer.error}`);
      return answer.data?.result ?? [];
    },
    async close(): Promise<void> {
      await program.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
