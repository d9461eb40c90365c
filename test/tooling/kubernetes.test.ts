// docker/k8s: every kustomization builds, its manifests are those that Kubernetes and KEDA publish, and what matters holds in each:
// unprivileged pods, budgets, addresses that are reached, and the same programs as docker/compose.yaml.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { nodeProfileText } from '../../scripts/k8s-seccomp.ts';
import { CONTROL_SETTINGS } from '../../src/control/settings.ts';
import { composeFile, healthchecks, mebibytes, WORKER_DRAIN_SECONDS } from '../support/compose.ts';
import { problemsOf } from '../support/kubernetes-schema.ts';
import { containersOf, documents, kustomize, type Manifest, ordered } from '../support/kustomize.ts';

const FOLDER = 'docker/k8s';
const BASE = kustomize(`${FOLDER}/base`);
/** What can be applied; base alone cannot. */
const OVERLAYS = ['example', 'keda', 'gpu-spot'].map(
  (name) => [name, kustomize(`${FOLDER}/overlays/${name}`)] as const,
);
const EACH = [['base', BASE] as const, ...OVERLAYS];

const ofKind = (all: readonly Manifest[], kind: string) => all.filter((each) => each.kind === kind);
const named = (all: readonly Manifest[], kind: string, name: string): Manifest => {
  const found = ofKind(all, kind).find(({ metadata }) => metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${name}`);
  return found;
};
const podOf = (deployment: Manifest): Manifest => deployment.spec.template.spec;
const mainOf = (deployment: Manifest): Manifest => podOf(deployment).containers[0];

describe.each(EACH)('%s', (name, all) => {
  const deployments = ofKind(all, 'Deployment');

  test('is valid by the published schemas, and has no field that they do not know', async () => {
    const problems = await Promise.all(
      all.map(async (each) => (await problemsOf(each)).map((what) => `${each.kind} ${each.metadata.name} ${what}`)),
    );
    expect(problems.flat()).toEqual([]);
  });

  const theirs = spawnSync('kubectl', ['kustomize', `${FOLDER}/${name === 'base' ? '' : 'overlays/'}${name}`], {
    encoding: 'utf8',
  });
  test.skipIf(theirs.status !== 0)('is what `kubectl kustomize` builds (skipped without a kubectl that can)', () => {
    const built = documents(theirs.stdout);
    for (const { data } of ofKind(built, 'Secret'))
      for (const key of Object.keys(data)) data[key] = data[key].replace(/\s/g, '');
    expect(ordered(all)).toEqual(ordered(built));
  });

  test('every pod is unprivileged, reads only, has no token of the cluster, and no way to more', () => {
    expect(deployments.length).toBeGreaterThanOrEqual(6);
    for (const deployment of deployments) {
      const pod = podOf(deployment);
      const where = `${name} ${deployment.metadata.name}`;
      expect(pod.securityContext, where).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod.automountServiceAccountToken, where).toBe(false);
      expect(named(all, 'ServiceAccount', pod.serviceAccountName).automountServiceAccountToken, where).toBe(false);
      for (const flag of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod[flag], where).toBeUndefined();
      for (const volume of pod.volumes) expect(Object.keys(volume), where).not.toContain('hostPath');
      for (const container of containersOf(deployment)) {
        expect(container.securityContext, where).toMatchObject({
          runAsNonRoot: true,
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          privileged: false,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.securityContext.capabilities.add, where).toBeUndefined();
        expect(container.resources.requests, where).toMatchObject({
          cpu: expect.anything(),
          memory: expect.anything(),
        });
        expect(container.resources.limits, where).toMatchObject({ cpu: expect.anything(), memory: expect.anything() });
      }
    }
  });

  test('only what uses bubblewrap has the profile for it, and those have it', () => {
    const profiles = deployments.map((each) => [each.metadata.name, mainOf(each).securityContext.seccompProfile]);
    const localhost = { type: 'Localhost', localhostProfile: 'bowline/seccomp.json' };
    expect(profiles.filter(([, profile]) => profile)).toEqual(
      ['worker-retrieval', 'worker-web', 'worker-sandbox'].map((each) => [each, localhost]),
    );
  });

  test('every pod says when it is ready and alive, and has more time to end than its drain takes', () => {
    for (const deployment of deployments) {
      const { args = [], lifecycle, ...main } = mainOf(deployment);
      for (const probe of ['readinessProbe', 'livenessProbe'])
        expect(main[probe], `${deployment.metadata.name} ${probe}`).toBeDefined();
      const before = Number(lifecycle?.preStop.exec.command.at(-1) ?? 0);
      const stated = args.indexOf('--drain');
      const worker = stated < 0 ? WORKER_DRAIN_SECONDS : Number(args[stated + 1]);
      const drain = deployment.metadata.name === 'control' ? CONTROL_SETTINGS.drainMs.fallback / 1000 : worker;
      expect(podOf(deployment).terminationGracePeriodSeconds).toBeGreaterThanOrEqual(before + drain + 10);
    }
  });

  test('every Deployment has one disruption budget, which never stops the drain of a node', () => {
    const budgets = ofKind(all, 'PodDisruptionBudget').map(({ spec }) => spec);
    for (const { metadata, spec } of deployments) {
      const own = budgets.filter((each) => selects(each.selector, spec.template.metadata.labels));
      expect(own, metadata.name).toMatchObject([{ maxUnavailable: 1 }]);
    }
  });

  test('every selector hits pods that there are, and every mounted Secret is there or documented', () => {
    const labels = deployments.map(({ spec }) => spec.template.metadata.labels);
    const hits = (selector: Manifest) => labels.some((each) => selects(selector, each));
    for (const { spec } of deployments) expect(hits(spec.selector)).toBe(true);
    for (const { metadata, spec } of ofKind(all, 'Service'))
      expect(hits({ matchLabels: spec.selector }), metadata.name).toBe(true);
    for (const { metadata, spec } of ofKind(all, 'NetworkPolicy')) {
      const peers = [...(spec.ingress ?? []), ...(spec.egress ?? [])].flatMap((rule) => [
        ...(rule.to ?? []),
        ...(rule.from ?? []),
      ]);
      const ours = peers.filter((peer) => peer.podSelector && !peer.namespaceSelector).map((peer) => peer.podSelector);
      for (const selector of [spec.podSelector, ...ours]) expect(hits(selector), metadata.name).toBe(true);
    }
    const names = deployments.map(({ metadata }) => metadata.name);
    for (const { spec } of [...ofKind(all, 'HorizontalPodAutoscaler'), ...ofKind(all, 'ScaledObject')])
      expect(names).toContain(spec.scaleTargetRef.name);
    if (name === 'base') return;
    const operations = readFileSync('docs/operations.md', 'utf8');
    for (const volume of deployments.flatMap((each) => podOf(each).volumes)) {
      const secret = volume.secret?.secretName;
      if (!secret || ofKind(all, 'Secret').some(({ metadata }) => metadata.name === secret)) continue;
      expect(operations, secret).toContain(`create secret generic ${secret} `);
    }
  });

  test('whose size an autoscaler decides states none of its own, and one autoscaler decides', () => {
    const scaled = [...ofKind(all, 'HorizontalPodAutoscaler'), ...ofKind(all, 'ScaledObject')].map(
      ({ spec }) => spec.scaleTargetRef.name,
    );
    expect(scaled).toHaveLength(new Set(scaled).size);
    const stated = deployments.filter(({ spec }) => spec.replicas !== undefined).map(({ metadata }) => metadata.name);
    expect(stated.filter((each) => scaled.includes(each))).toEqual([]);
  });

  test('who reaches whom: nobody by default, the stores only the replicas, the vectors only retrieval', () => {
    expect(named(all, 'NetworkPolicy', 'nothing').spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
    const reach = (port: number) =>
      deployments.flatMap((each) =>
        blocksOf(all, each, port).map(
          ({ cidr }) => `${each.metadata.name} ${cidr.replace(/^192\.0\.2\.(\d+)\/\d+$/, '$1')}`,
        ),
      );
    const [postgres, redis, vectors] = name === 'base' ? ['1', '2', '3'] : ['16', '32', '48'];
    expect(reach(5432)).toEqual([`control ${postgres}`, `worker-retrieval ${vectors}`]);
    expect(reach(6379)).toEqual([`control ${redis}`]);
    expect(blocksOf(all, named(all, 'Deployment', 'worker-sandbox'))).toEqual([]);
    expect(
      egressOf(all, named(all, 'Deployment', 'worker-sandbox')).map(({ to }) => to[0].podSelector.matchLabels),
    ).toEqual([{ 'k8s-app': 'kube-dns' }, { 'app.kubernetes.io/name': 'control' }]);
  });

  test('the internet is reached by web, llm and embed alone, and no private, link-local or metadata address of it', () => {
    const outside = deployments
      .filter((each) => blocksOf(all, each, 443).length > 0)
      .map(({ metadata }) => metadata.name);
    const gpu = name === 'gpu-spot' ? ['worker-llm-gpu'] : [];
    expect(outside.sort()).toEqual(['worker-embed', 'worker-llm', ...gpu, 'worker-web']);
    const blocks = blocksOf(all, named(all, 'Deployment', 'worker-web'), 443);
    for (const address of INTERNET) expect(reached(blocks, address), address).toBe(true);
    for (const address of NOT_THE_INTERNET) expect(reached(blocks, address), address).toBe(false);
  });

  test('every worker reaches the replicas, and nobody but them has an open port', () => {
    for (const each of deployments.filter(({ metadata }) => metadata.name !== 'control'))
      expect(egressOf(all, each).some(({ to, ports }) => isControl(to) && ports[0].port === 7420)).toBe(true);
    const inward = ofKind(all, 'NetworkPolicy').filter(({ spec }) => spec.ingress?.length > 0);
    expect(inward.map(({ metadata, spec }) => [metadata.name, spec.ingress])).toEqual([
      ['to-control', [{ ports: [{ protocol: 'TCP', port: 7420 }] }]],
    ]);
  });
});

describe('beside docker/compose.yaml', () => {
  const { services } = composeFile();
  const probes = healthchecks();
  const pairs = ofKind(BASE, 'Deployment').map((each) => {
    const { name } = each.metadata;
    return [name, each, services[name === 'control' ? 'control-a' : name] as Manifest] as const;
  });

  test('the same workers stand in both', () => {
    // Those of a profile are overlays in a cluster.
    const theirs = Object.keys(services).filter((name) => name.startsWith('worker-') && !services[name]?.profiles);
    expect(pairs.map(([name]) => name)).toEqual(['control', ...theirs]);
  });

  test.each(pairs)(
    '%s is the same image, command, environment, limits and folders in memory',
    (name, deployment, service) => {
      const main = mainOf(deployment);
      for (const { image } of containersOf(deployment)) expect(image).toBe(`bowline/${name}:dev`);
      expect(service.image).toContain(`/${name}:`);
      expect([main.command, main.args, service.command, service.entrypoint]).toEqual(Array(4).fill(undefined));
      const environment = Object.fromEntries(main.env.map((each: Manifest) => [each.name, each.value]));
      const own = name === 'control' ? { BOWLINE_CONTROL: 'https://localhost:7420' } : {};
      expect(environment).toEqual({ ...service.environment, ...own });
      expect(mebibytes(main.resources.limits.memory)).toBe(mebibytes(service.mem_limit));
      expect(Number(main.resources.limits.cpu)).toBe(service.cpus);
      expect(podOf(deployment).terminationGracePeriodSeconds).toBe(Number.parseInt(service.stop_grace_period, 10));
      const target = name === 'control' ? 'control' : 'worker';
      expect(main.readinessProbe.exec.command).toEqual(probes[target]);
      expect(memoryOf(deployment)).toMatchObject(
        Object.fromEntries(service.tmpfs.map((text: string) => [text.split(':')[0], sizeOf(text)])),
      );
    },
  );

  test.each(pairs)('%s has what it needs at the same paths', (_name, deployment, service) => {
    const mounts = mainOf(deployment).volumeMounts.map(({ mountPath }: Manifest) => mountPath);
    const theirs = service.volumes.map((text: string) => text.split(':')[1]);
    expect(mounts).toEqual(expect.arrayContaining(theirs));
    expect(mainOf(deployment).securityContext.seccompProfile !== undefined).toBe(
      service.security_opt.includes('seccomp=./seccomp.json'),
    );
  });
});

test('the profile that nodes load is made from the one of the Docker engine, without what wants a capability', () => {
  const text = readFileSync(`${FOLDER}/seccomp.json`, 'utf8');
  expect(text, 'run `node scripts/k8s-seccomp.ts`').toBe(nodeProfileText(readFileSync('docker/seccomp.json', 'utf8')));
  const profile = JSON.parse(text);
  const rules: Manifest[] = profile.syscalls;
  expect(rules.flatMap((rule) => Object.keys(rule)).filter((key) => /includes|excludes|comment/.test(key))).toEqual([]);
  const allowed = rules.filter(({ action }) => action === 'SCMP_ACT_ALLOW').flatMap(({ names }) => names);
  for (const call of ['unshare', 'mount', 'pivot_root']) expect(allowed).toContain(call);
  for (const call of ['bpf', 'init_module', 'open_by_handle_at', 'ptrace', 'keyctl', 'setns', 'kexec_load'])
    expect(allowed).not.toContain(call);
});

test('a wrong value and a misspelt field of a manifest are told', async () => {
  const deployment = structuredClone(named(BASE, 'Deployment', 'control'));
  deployment.spec.replicas = 'two';
  deployment.spec.template.spec.containers[0].securityContext.readOnlyRootFileSystem = true;
  const problems = (await problemsOf(deployment)).join('\n');
  expect(problems).toMatch(/replicas.*(integer|number)/s);
  expect(problems).toContain('/securityContext/readOnlyRootFileSystem: unknown to the schema');
});

const INTERNET = ['1.1.1.1', '93.184.216.34', '203.0.114.1', '2606:4700:4700::1111', '2a00:1450:4001::1'];
const NOT_THE_INTERNET = [
  ...[
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '169.254.20.10',
    '172.16.0.1',
    '172.31.255.255',
  ],
  ...['192.0.0.192', '192.168.1.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '::', '::1', '::ffff:10.0.0.1'],
  ...[
    '64:ff9b::a00:1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'ff02::1',
    '2002:a00:1::',
    '2001:0:a00:1::',
    '2001:db8::1',
  ],
];

function selects({ matchLabels = {}, matchExpressions = [] }: Manifest, labels: Manifest): boolean {
  const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return equal && matchExpressions.every(({ key, values }: Manifest) => values.includes(labels[key]));
}

const isControl = (to: readonly Manifest[]) =>
  to[0]?.podSelector?.matchLabels?.['app.kubernetes.io/name'] === 'control';

/** The rules by which the pods of a deployment may reach others. */
const egressOf = (all: readonly Manifest[], { spec }: Manifest): Manifest[] =>
  ofKind(all, 'NetworkPolicy')
    .filter((policy) => selects(policy.spec.podSelector, spec.template.metadata.labels))
    .flatMap((policy) => policy.spec.egress ?? []);

/** The blocks of addresses that they reach, at this port or any. */
const blocksOf = (all: readonly Manifest[], deployment: Manifest, port?: number): Manifest[] =>
  egressOf(all, deployment)
    .filter(({ ports }) => port === undefined || ports.some((each: Manifest) => each.port === port))
    .flatMap(({ to }) => to.flatMap((peer: Manifest) => (peer.ipBlock ? [peer.ipBlock] : [])));

function reached(blocks: readonly Manifest[], text: string): boolean {
  const address = ipaddr.parse(text);
  const within = (cidr: string) => {
    const range = ipaddr.parseCIDR(cidr);
    return range[0].kind() === address.kind() && address.match(range);
  };
  return blocks.some(({ cidr, except = [] }) => within(cidr) && !except.some(within));
}

/** The folders in memory of the main container, with their sizes in MiB. */
function memoryOf(deployment: Manifest): Record<string, number> {
  const sizes = new Map(podOf(deployment).volumes.map(({ name, emptyDir }: Manifest) => [name, emptyDir?.sizeLimit]));
  const mounts: Manifest[] = mainOf(deployment).volumeMounts.filter(({ name }: Manifest) => sizes.get(name));
  return Object.fromEntries(mounts.map(({ mountPath, name }) => [mountPath, mebibytes(sizes.get(name) as string)]));
}

const sizeOf = (tmpfs: string): number => mebibytes(/size=(\w+)/.exec(tmpfs)?.[1] ?? '');
