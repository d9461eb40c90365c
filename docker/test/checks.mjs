// What the compose project promises, one function each: it returns a sentence, or throws what is not so.
import { hardened, isolation } from './check-walls.mjs';
import { killed, pools, rolling, scale, stopped } from './check-work.mjs';
import { bowline, CONTROL, containers, health, inspect, jsonOf, must, workersOf } from './project.mjs';
import { until } from './shell.mjs';

export const CHECKS = { healthy, hardened, answers, isolation, scale, killed, stopped, rolling, pools, edge, models };

async function healthy(parts) {
  const services = ['postgres', 'vectors', 'redis', 'balancer', ...CONTROL, ...parts.pools.map((pool) => `worker-${pool}`)];
  for (const service of services) {
    await until(`${service} to be healthy`, async () => {
      const ids = await containers(parts, service);
      const states = await Promise.all(ids.map((id) => health(parts, id)));
      return states.length > 0 && states.every((state) => state === 'healthy');
    });
  }
  for (const pool of parts.pools) must((await workersOf(parts, pool)).length === 1, `not one worker serves ${pool}`);
  return `${services.length} services, a worker of each of ${parts.pools.length} pools connected`;
}

/** Each capability does its work in its container. */
async function answers(parts) {
  const call = (method, request) => bowline(parts, 'call', method, '--data', JSON.stringify(request));
  const { vectors, model } = await jsonOf(call('embed.Embed', { texts: ['发布', 'launch'] }));
  must(vectors.length === 2, 'no two vectors');
  const printed = await linesOf(call('sandbox.Run', { language: 'LANGUAGE_PYTHON', code: 'print(6*7)' }));
  must(printed.some(({ output }) => Buffer.from(output?.data ?? '', 'base64').toString() === '42\n'), JSON.stringify(printed));
  const document = { id: 'a.md', text: '# Launch\n\nThe launch is on 3 March.\n' };
  await call('retrieval.Ingest', { collection: 'docs', documents: [document] });
  const found = await jsonOf(call('retrieval.Search', { query: 'when is the launch' }));
  must([1, 3].includes(found.passages?.[0]?.startLine), JSON.stringify(found));
  const page = await jsonOf(call('web.Fetch', { url: 'http://pages:8080/' }));
  must(page.page.markdown.includes('港口周日关闭'), JSON.stringify(page));
  return `embed (${model}), sandbox, retrieval and web`;
}

async function edge(parts) {
  const line = await bowline(parts, 'devices', 'join-token', '--name', 'box', '--url', 'https://control:7420');
  const box = `${parts.project}-box`;
  const ended = parts
    .compose(['run', '-T', '--name', box, 'edge', '--allow', '/documents', '--join'], { input: line })
    .catch((error) => error);
  await until('the box to be connected', async () =>
    (await jsonOf(bowline(parts, 'devices', 'ls', '--json'))).some(({ name, connected }) => name === 'box' && connected),
  );
  const limits = await inspect(parts, box, '{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.Config.User}} {{.HostConfig.ReadonlyRootfs}}');
  must(limits === `1000000000 ${921 * 1024 * 1024} 65532:65532 true`, `the box has ${limits}`);
  const read = await jsonOf(bowline(parts, 'call', 'fs.Read', '--device', 'box', '--data', '{"path":"documents/notes.md"}'));
  must(read.file.path === 'documents/notes.md', JSON.stringify(read));
  const status = await parts.docker(['exec', box, 'sh', '-c', 'grep -h VmRSS /proc/[0-9]*/status | sort -k2 -n | tail -1']);
  await parts.docker(['stop', '-t', '15', box]);
  await ended;
  must((await inspect(parts, box, '{{.State.ExitCode}}')) === '0', 'the box did not end well');
  await parts.docker(['rm', box]);
  return `a box of 1 CPU and 921 MB joined and served a tool call (${status.trim().replace(/\s+/g, ' ')})`;
}

/** A model of a file answers and makes vectors; BOWLINE_TEST_GGUF names the file. */
async function models(parts) {
  if (!parts.gguf) return 'skipped: BOWLINE_TEST_GGUF names no model file';
  await parts.compose(['--profile', 'local-models', 'up', '-d', '--no-build', '--no-recreate', 'worker-local']);
  await until('a worker with the file', async () =>
    (await workersOf(parts, 'llm')).some((worker) => worker.models.some(({ name }) => name === 'tiny.gguf')),
  );
  const request = { messages: [{ role: 'ROLE_USER', parts: [{ text: 'Hello' }] }], maxOutputTokens: 16 };
  const told = await linesOf(bowline(parts, 'call', 'llm.Chat', '--selector', 'models=local', '--data', JSON.stringify(request)));
  must(JSON.stringify(told).includes('tiny'), JSON.stringify(told).slice(0, 2000));
  return 'a GGUF file answers in its container';
}

/** `call` prints one JSON object a line for a streamed method. */
const linesOf = async (text) => (await text).trim().split('\n').map((line) => JSON.parse(line));
