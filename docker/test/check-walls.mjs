// What containers must not be able to do, tried from inside them.
import { CONTROL, containers, inspect, must } from './project.mjs';

const STORES = ['postgres', 'vectors', 'redis'];

/** Nobody of ours has more rights than it needs. */
export async function hardened(parts) {
  const services = [...CONTROL, ...parts.pools.map((pool) => `worker-${pool}`)];
  for (const service of [...services, 'balancer', ...STORES]) {
    const [id] = await containers(parts, service);
    const told = await inspect(
      parts,
      id,
      '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}} {{.HostConfig.CapDrop}}',
    );
    must(/^([1-9]\d*):\1 true false \[ALL\]$/.test(told.trim()), `${service} runs as ${told}`);
    const options = JSON.parse(await inspect(parts, id, '{{json .HostConfig.SecurityOpt}}'));
    must(options.includes('no-new-privileges:true'), `${service} may gain rights`);
    must(!options.includes('seccomp=unconfined'), `${service} has no filter of system calls`);
    must(!(await inspect(parts, id, '{{.Mounts}}')).includes('docker.sock'), `${service} sees the engine`);
  }
  for (const service of services) {
    const [id] = await containers(parts, service);
    const inside = async (script) => (await parts.docker(['exec', id, 'sh', '-c', `${script} 2>&1 || true`], { quiet: true })).trim();
    must((await inside('id -u')) === '65532', `${service} is another user`);
    must(/read-only/i.test(await inside('touch /opt/bowline/x')), `${service} can write to its image`);
    const rights = await inside('grep -h CapEff /proc/1/status');
    must(/^CapEff:\s+0+$/.test(rights), `${service} has ${rights}`);
  }
  return `${services.length + 1 + STORES.length} services: unprivileged user, read-only, no capabilities`;
}

/** Every service dials everything else by address and by name; only what the networks allow opens. */
export async function isolation(parts) {
  const targets = [];
  for (const [service, port] of [['postgres', 5432], ['redis', 6379], ['vectors', 5432], ['pages', 8080]]) {
    const [id] = await containers(parts, service);
    const addresses = await inspect(parts, id, '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}');
    for (const host of [service, ...addresses.split(' ').filter(Boolean)]) targets.push({ service, host, port });
  }
  const open = async (service) => {
    const [id] = await containers(parts, service);
    // A thread for each name: those that nobody knows may take their time.
    const words = ['exec', '-e', 'UV_THREADPOOL_SIZE=16', id, '/opt/bowline/node_modules/.bin/node', '-e', DIAL, JSON.stringify(targets)];
    return JSON.parse(await parts.docker(words, { quiet: true }));
  };
  const allowed = { control: ['postgres', 'redis'], retrieval: ['vectors'], web: ['pages'], llm: ['pages'], embed: ['pages'], sandbox: [] };
  const cases = [...CONTROL.map((service) => [service, allowed.control]), ...parts.pools.map((pool) => [`worker-${pool}`, allowed[pool]])];
  for (const [service, may] of cases) {
    let told = await open(service);
    const mayReach = targets.filter((target) => may.includes(target.service)).map(({ host, port }) => `${host}:${port}`);
    // A busy machine may be late with what is allowed; what is not allowed must not open once.
    for (let again = 0; again < 3 && mayReach.some((target) => told[target] !== 'open'); again++) {
      const next = await open(service);
      told = Object.fromEntries(Object.entries(told).map(([target, before]) => [target, before === 'open' ? before : next[target]]));
    }
    for (const target of targets) {
      const result = told[`${target.host}:${target.port}`];
      const name = `${service} to ${target.service} (${target.host}:${target.port})`;
      must((result === 'open') === may.includes(target.service), `${name}: ${result}`);
    }
  }
  return `${cases.length} services, ${targets.length} addresses each: only replicas reach Postgres and Redis, only retrieval the vectors, sandbox nothing`;
}

/** Dials each target and prints what came of it. */
const DIAL = `
const targets = JSON.parse(process.argv[1]);
const dial = ({ host, port }) => new Promise((resolve) => {
  const socket = require('net').connect(port, host);
  const end = (what) => { socket.destroy(); resolve([host + ':' + port, what]); };
  setTimeout(end, 6000, 'silent');
  socket.on('connect', () => end('open')).on('error', (error) => end(error.code));
});
Promise.all(targets.map(dial)).then((all) => { console.log(JSON.stringify(Object.fromEntries(all))); process.exit(); });
`;
