// What the compose project promises, one function each: it returns a sentence, or throws what is not so.
import { until } from './shell.mjs';
import { answered, callerOf, jsonOf, ownerOf } from './client.mjs';

const CONTROL = ['control-a', 'control-b'];

/** Container ids of a service. */
const containers = async ({ compose }, service) => (await compose(['ps', '-q', service], { quiet: true })).trim().split('\n').filter(Boolean);

const inspect = async ({ docker }, id, format) => (await docker(['inspect', '-f', format, id], { quiet: true })).trim();

const bowline = (parts, ...words) => parts.compose(['exec', '-T', 'control-a', '/opt/bowline/bowline', ...words]);

function must(holds, what) {
  if (!holds) throw new Error(what);
}

export const CHECKS = {
  async healthy(parts) {
    const services = ['postgres', 'vectors', 'redis', 'balancer', ...CONTROL, ...parts.pools.map((pool) => `worker-${pool}`)];
    for (const service of services) {
      await until(`${service} to be healthy`, async () => {
        const ids = await containers(parts, service);
        const states = await Promise.all(ids.map((id) => inspect(parts, id, '{{.State.Health.Status}}')));
        return states.length > 0 && states.every((state) => state === 'healthy');
      });
    }
    const workers = await jsonOf(bowline(parts, 'workers', 'ls', '--json'));
    must(workers.length === parts.pools.length, `${workers.length} workers are connected`);
    return `${services.length} services, ${workers.length} workers connected`;
  },

  async hardened(parts) {
    const ours = [...CONTROL, ...parts.pools.map((pool) => `worker-${pool}`)];
    for (const service of ours) {
      const [id] = await containers(parts, service);
      const told = await inspect(parts, id, '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}} {{.HostConfig.CapDrop}}');
      must(/^65532:65532 true false \[ALL\]$/.test(told), `${service} runs as ${told}`);
      const written = await parts.docker(['exec', id, 'sh', '-c', 'touch /opt/x 2>&1 || true'], { quiet: true });
      must(/read-only/i.test(written), `${service} can write to its image: ${written}`);
      must(!(await inspect(parts, id, '{{.Mounts}}')).includes('docker.sock'), `${service} sees the engine`);
    }
    return `${ours.length} services: unprivileged user, read-only, no capabilities`;
  },

  async answers(parts) {
    const { vectors, model } = await jsonOf(bowline(parts, 'call', 'embed.Embed', '--data', '{"texts":["发布", "launch"]}'));
    must(vectors.length === 2, 'no two vectors');
    const run = await jsonOf(
      bowline(parts, 'call', 'sandbox.Run', '--data', '{"language":"LANGUAGE_PYTHON","code":"print(6*7)"}').then(lastLines),
    );
    must(run.some(({ output }) => Buffer.from(output?.data ?? '', 'base64').toString() === '42\n'), JSON.stringify(run));
    const document = { id: 'a.md', text: '# Launch\n\nThe launch is on 3 March.\n' };
    await bowline(parts, 'call', 'retrieval.Ingest', '--data', JSON.stringify({ collection: 'docs', documents: [document] }));
    const found = await jsonOf(bowline(parts, 'call', 'retrieval.Search', '--data', '{"query":"when is the launch"}'));
    must(found.passages?.[0]?.startLine === 3 || found.passages?.[0]?.startLine === 1, JSON.stringify(found));
    const page = await jsonOf(bowline(parts, 'call', 'web.Fetch', '--data', '{"url":"http://pages:8080/"}'));
    must(page.page.markdown.includes('港口周日关闭'), JSON.stringify(page));
    return `embed (${model}), sandbox, retrieval and web`;
  },

  async isolation(parts) {
    const [postgres] = await containers(parts, 'postgres');
    const [redis] = await containers(parts, 'redis');
    const address = async (id) => (await inspect(parts, id, '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}')).split(' ')[0];
    const targets = [
      [await address(postgres), 5432],
      ['postgres', 5432],
      [await address(redis), 6379],
      ['redis', 6379],
    ];
    const dial = async (service, host, port) => {
      const [id] = await containers(parts, service);
      const program = `const s=require('net').connect(${port},'${host}');s.setTimeout(3000,()=>{console.log('silent');process.exit()});s.on('connect',()=>{console.log('open');process.exit()});s.on('error',e=>{console.log(e.code);process.exit()})`;
      return (await parts.docker(['exec', id, '/opt/bowline/node_modules/.bin/node', '-e', program], { quiet: true })).trim();
    };
    for (const [host, port] of targets) {
      must((await dial('control-a', host, port)) === 'open', `a replica cannot reach ${host}:${port}`);
      for (const service of parts.pools.map((pool) => `worker-${pool}`)) {
        const told = await dial(service, host, port);
        must(told !== 'open', `${service} reaches ${host}:${port}`);
      }
    }
    return 'no worker opens a connection to Postgres or Redis; a replica does';
  },

  async scale(parts) {
    await parts.compose(['up', '-d', '--no-build', '--no-recreate', '--scale', 'worker-web=3', 'worker-web']);
    const web = async () => (await jsonOf(bowline(parts, 'workers', 'ls', '--json'))).filter(serves('web'));
    await until('three web workers', async () => (await web()).length === 3);
    const caller = await callerOf(parts);
    const calls = Array.from({ length: 24 }, (_, n) => caller.fetch(`http://pages:8080/?ms=1500&n=${n}`));
    const runs = await Promise.all(calls);
    const targets = await targetsOf(parts, runs);
    must(targets.size === 3, `the work went to ${[...targets.keys()].join(', ')}`);
    caller.close();
    return `24 calls over ${[...targets].map(([name, count]) => `${name}: ${count}`).join(', ')}`;
  },

  async killed(parts) {
    const caller = await callerOf(parts);
    const calls = Array.from({ length: 12 }, (_, n) => caller.fetch(`http://pages:8080/?ms=4000&k=${n}`));
    const busy = await until('a busy web worker', async () =>
      (await jsonOf(bowline(parts, 'workers', 'ls', '--json'))).find((each) => serves('web')(each) && each.busy > 0),
    );
    await parts.docker(['kill', busy.name]);
    const runs = await Promise.all(calls);
    must(new Set(runs).size === 12, 'two calls got one run');
    caller.close();
    await parts.compose(['up', '-d', '--no-build', '--no-recreate', '--scale', 'worker-web=3', 'worker-web']);
    return `12 calls answered although ${busy.name} was killed with ${busy.busy} of them`;
  },

  async rolling(parts) {
    const caller = await callerOf(parts);
    let over = false;
    let calls = 0;
    const runs = [];
    const load = Array.from({ length: 6 }, async () => {
      while (!over) runs.push(await answered(caller, `rolling-${++calls}`));
    });
    for (const replica of CONTROL) {
      await parts.compose(['restart', '-t', '40', replica]);
      const [id] = await containers(parts, replica);
      await until(`${replica} to be healthy`, async () => (await inspect(parts, id, '{{.State.Health.Status}}')) === 'healthy');
    }
    over = true;
    await Promise.all(load);
    must(new Set(runs).size === calls, `${calls} calls gave ${new Set(runs).size} runs`);
    await until('all workers to be back', async () => {
      const workers = await jsonOf(bowline(parts, 'workers', 'ls', '--json'));
      return workers.length >= parts.pools.length;
    });
    caller.close();
    return `${calls} calls while both replicas were restarted, each answered once`;
  },

  async edge(parts) {
    const line = (await bowline(parts, 'devices', 'join-token', '--name', 'box')).trim().split(' ').at(-1);
    const [balancer] = await containers(parts, 'balancer');
    must(balancer, 'no balancer');
    const box = parts.compose(['run', '-T', '--name', `${parts.project}-box`, 'edge', '--allow', '/documents', '--join'], {
      input: `https://control:7420 ${line}\n`,
    });
    box.catch(() => {});
    await until('the box to be connected', async () =>
      (await jsonOf(bowline(parts, 'devices', 'ls', '--json'))).some(({ name, connected }) => name === 'box' && connected),
    );
    const limits = await inspect(parts, `${parts.project}-box`, '{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}');
    must(limits === `1000000000 ${921 * 1024 * 1024}`, `the box has ${limits}`);
    const read = await jsonOf(bowline(parts, 'call', 'fs.Read', '--device', 'box', '--data', '{"path":"documents/notes.md"}'));
    must(read.file.path === 'documents/notes.md', JSON.stringify(read));
    const memory = (await parts.docker(['exec', `${parts.project}-box`, 'sh', '-c', 'grep -h VmRSS /proc/[0-9]*/status | sort -k2 -n | tail -1'])).trim();
    await parts.docker(['rm', '-f', `${parts.project}-box`]);
    return `a box of 1 CPU and 921 MB joined and served a tool call (${memory.replace(/\s+/g, ' ')}); owner ${ownerOf(parts)}`;
  },
};

const serves = (name) => (worker) =>
  (worker.manifest?.capabilities ?? []).some((each) => each.package === `bowline.capability.${name}.v1`);

/** How many of the runs each worker had. */
async function targetsOf(parts, runs) {
  const targets = new Map();
  for (const run of runs) {
    const { jobs } = await jsonOf(bowline(parts, 'runs', 'show', run, '--json'));
    const name = jobs[0]?.target ?? 'nobody';
    targets.set(name, (targets.get(name) ?? 0) + 1);
  }
  return targets;
}

/** `call` prints one JSON object a line for a streamed method. */
const lastLines = (text) => `[${text.trim().split('\n').join(',')}]`;
