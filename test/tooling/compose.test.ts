// docker/compose.yaml holds what it promises: every program of ours is hardened, the networks say who reaches whom, secrets are
// files, every service tells its health and has more time to end than its drain takes.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CONTROL_SETTINGS } from '../../src/control/settings.ts';
import { composeFile, healthchecks, WORKER_DRAIN_SECONDS } from '../support/compose.ts';
import type { Manifest } from '../support/kustomize.ts';

const { services, networks } = composeFile();
const entries = Object.entries(services);
const workers = entries.filter(([name]) => name.startsWith('worker-'));
const replicas = entries.filter(([name]) => /^control-[a-z]$/.test(name));
/** Programs of ours that stay. */
const ours = [...replicas, ...workers, ...entries.filter(([name]) => name === 'edge')];
/** Those of others that stay. */
const STORES = ['postgres', 'vectors', 'redis'];

const networksOf = (service: Manifest): string[] =>
  Array.isArray(service.networks) ? service.networks : Object.keys(service.networks ?? {});
const on = (network: string): string[] =>
  entries.flatMap(([name, service]) => (networksOf(service).includes(network) ? [name] : [])).sort();

test('every program of ours is read-only, without capabilities, bounded, and under the user of its image', () => {
  expect(ours.map(([name]) => name)).toHaveLength(10);
  for (const [name, service] of ours) {
    expect(service.read_only, name).toBe(true);
    expect(service.cap_drop, name).toEqual(['ALL']);
    expect(service.cap_add, name).toBeUndefined();
    expect(service.security_opt, name).toContain('no-new-privileges:true');
    expect(service.user, name).toBeUndefined();
    expect(service.mem_limit, name).toBeDefined();
    expect(service.cpus, name).toBeDefined();
    expect(service.init, name).toBe(true);
    expect(service.logging.options, name).toMatchObject({
      'max-size': expect.any(String),
      'max-file': expect.any(String),
    });
  }
  for (const [name, service] of [...workers, ...replicas]) expect(service.pids_limit, name).toBeGreaterThan(0);
  const users = stages().filter(({ target }) => target !== 'setup' && isService(target));
  expect(users.map(({ user }) => user)).toEqual(Array(users.length).fill('65532:65532'));
  expect(users.length).toBe(8);
});

test('nothing is privileged, has the network or the processes of the host, or the socket of the engine', () => {
  for (const [name, service] of entries) {
    for (const way of ['privileged', 'pid', 'ipc', 'devices', 'userns_mode'])
      expect(service[way], name).toBeUndefined();
    expect(service.network_mode ?? 'none', name).toBe('none');
    for (const volume of service.volumes ?? []) expect(volume, name).not.toMatch(/docker\.sock|^\/(?!documents)/);
    const profiles = (service.security_opt ?? []).filter((each: string) => each.startsWith('seccomp='));
    const isolates = ['worker-retrieval', 'worker-web', 'worker-sandbox'].includes(name);
    expect(profiles, name).toEqual(isolates ? ['seccomp=./seccomp.json'] : []);
  }
});

test('only the replicas share a network with Postgres and Redis, only retrieval with the vectors', () => {
  expect(on('data')).toEqual(['control-a', 'control-b', 'postgres', 'redis']);
  expect(on('vectors')).toEqual(['vectors', 'worker-retrieval']);
  expect(on('internet')).toEqual(['worker-embed', 'worker-llm', 'worker-web']);
  expect(on('workers')).toEqual(['balancer', ...workers.map(([name]) => name)].sort());
  for (const store of STORES) expect(networksOf(services[store]!), store).toHaveLength(1);
  // The host has no address in them either: from Engine 28 on.
  const closed = { internal: true, driver_opts: { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' } };
  for (const name of ['data', 'front', 'workers', 'vectors']) expect(networks[name], name).toEqual(closed);
});

test('one port is published, on loopback unless a variable says otherwise', () => {
  const published = entries.flatMap(([name, { ports = [] }]) => ports.map((port: string) => [name, port]));
  expect(published).toEqual([['balancer', `\${BOWLINE_PUBLISH:-127.0.0.1:7420}:7420`]]);
});

test('no secret stands in the environment: what holds one is a file on a volume that is read-only', () => {
  for (const [name, service] of entries) {
    for (const [variable, value] of Object.entries<string>(service.environment ?? {})) {
      if (!/KEY|PASSWORD|SECRET|TOKEN|_URL/.test(variable)) continue;
      expect(variable, name).toMatch(/_FILE$|^BOWLINE_TLS_KEY$/);
      const folder = value.slice(0, value.lastIndexOf('/'));
      expect(
        service.volumes.some((each: string) => each.endsWith(`:${folder}:ro`)),
        `${name} ${variable}`,
      ).toBe(true);
    }
  }
});

test('a volume of secrets, keys or certificates is mounted by one service beside those that fill it', () => {
  const holders = new Map<string, Set<string>>();
  for (const [name, { volumes = [] }] of entries) {
    if (name === 'setup' || name === 'keys') continue;
    for (const volume of volumes as string[]) {
      const [source = ''] = volume.split(':');
      if (/^(secrets|keys|tls)-/.test(source)) holders.set(source, (holders.get(source) ?? new Set()).add(name));
    }
  }
  for (const [volume, names] of holders) {
    const replicaOnly = [...names].every((name) => replicas.some(([replica]) => replica === name));
    const sameModels = [...names].join() === 'worker-local,worker-gpu';
    expect(names.size === 1 || replicaOnly || sameModels, `${volume}: ${[...names]}`).toBe(true);
  }
  expect([...holders.keys()]).not.toContain('tls-ca');
});

test('every service that stays tells its health, and ours ask as their image does', () => {
  for (const name of [...STORES, 'balancer']) expect(services[name]?.healthcheck?.test, name).toBeDefined();
  for (const [name, { healthcheck }] of [...replicas, ...workers]) expect(healthcheck, name).toBeUndefined();
  expect(healthchecks()).toEqual({
    control: ['/opt/bowline/bowline', 'health'],
    worker: ['/opt/bowline/bowline', 'health', '--file', '/run/bowline/worker.ok'],
  });
});

test('the time to end is more than a drain takes by default', () => {
  const seconds = (text: string) => Number(/^(\d+)s$/.exec(text)?.[1]);
  for (const [name, service] of replicas)
    expect(seconds(service.stop_grace_period), name).toBeGreaterThanOrEqual(
      CONTROL_SETTINGS.drainMs.fallback / 1000 + 10,
    );
  for (const [name, service] of workers)
    expect(seconds(service.stop_grace_period), name).toBeGreaterThanOrEqual(WORKER_DRAIN_SECONDS + 10);
});

test('a service waits for what it needs, and what runs once must have succeeded', () => {
  for (const [name, { depends_on = {} }] of entries)
    for (const [other, { condition }] of Object.entries<Manifest>(depends_on)) {
      const once = ['setup', 'keys'].includes(other);
      expect(condition, `${name} on ${other}`).toBe(once ? 'service_completed_successfully' : 'service_healthy');
    }
});

const SCRIPTS = globSync('{docker,scripts}/**/*.sh');
const linter = spawnSync('shellcheck', ['--version']);
test.skipIf(linter.status !== 0)(
  'shellcheck has nothing to say about the scripts (skipped where it is not installed)',
  () => {
    expect(SCRIPTS).toContain('docker/setup.sh');
    const { stdout } = spawnSync('shellcheck', SCRIPTS, { encoding: 'utf8' });
    expect(stdout).toBe('');
  },
);

const isService = (target: string): boolean => entries.some(([, { build }]) => build?.target === target);

/** The stages of the Dockerfile, with the user that each states last. */
function stages(): { readonly target: string; readonly user: string | undefined }[] {
  const text = readFileSync('docker/Dockerfile', 'utf8');
  return text
    .split(/^FROM /m)
    .slice(1)
    .map((stage) => ({
      target: /^\S+ AS (\S+)/.exec(stage)?.[1] ?? '',
      user: [...stage.matchAll(/^USER (\S+)$/gm)].at(-1)?.[1],
    }));
}

test('what is put beside it for traces and metrics is hardened alike, mounts only files that there are, and each program has the key as its file', () => {
  const overlay = composeFile('docker/observability/compose.yaml');
  const watchers = Object.entries(overlay.services).filter(([name]) => !(name in services));
  expect(watchers.map(([name]) => name)).toEqual(['collector', 'prometheus', 'grafana']);
  for (const [name, service] of watchers) {
    expect(service.read_only, name).toBe(true);
    expect(service.cap_drop, name).toEqual(['ALL']);
    expect(service.mem_limit, name).toBeDefined();
    for (const port of service.ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/);
    for (const volume of service.volumes) {
      const [from] = volume.split(':');
      if (from.startsWith('./')) expect(existsSync(`docker/${from}`), volume).toBe(true);
    }
  }
  const told = [...workers, ...replicas].map(([name]) => name).filter((name) => !/local|gpu/.test(name));
  for (const name of told) {
    const { environment, networks: more } = overlay.services[name] ?? {};
    expect(environment, name).toMatchObject({ BOWLINE_OTLP_URL: 'http://collector:4318' });
    expect(more, name).toEqual(['watch']);
  }
  expect(overlay.networks.watch?.internal).toBe(true);
  const known = new Set(
    Object.values(CONTROL_SETTINGS).flatMap(({ env, kind }) => (kind === 'secret' ? [env, `${env}_FILE`] : [env])),
  );
  for (const name of Object.keys(overlay.services['control-a']?.environment)) expect(known.has(name), name).toBe(true);
});
