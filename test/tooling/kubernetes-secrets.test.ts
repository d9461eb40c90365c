// Secrets on their way into a program: what a cluster mounts is readable by a group and a link, and Bowline wants files that nobody
// else can read. The scripts of the manifests and the commands of the documentation are run as they stand, in other folders.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readHandedOver } from '../../src/base/private-file.ts';
import { kindOf } from '../../src/control/identity/keys.ts';
import { containersOf, kustomize, type Manifest } from '../support/kustomize.ts';

const DEPLOYMENTS = kustomize('docker/k8s/overlays/gpu-spot').filter(({ kind }) => kind === 'Deployment');
/** The file of each mounted Secret. */
const MOUNTED: Readonly<Record<string, string>> = {
  'bowline-stores': 'database-url redis-url',
  'bowline-tls': 'tls.crt tls.key',
  'bowline-owner': 'owner.key',
  'bowline-vectors': 'database-url',
  'bowline-models': 'models.yaml openai.key',
};

const first = DEPLOYMENTS.filter((each) => each.spec.template.spec.initContainers).map(
  (each) => [each.metadata.name as string, each] as const,
);

test.each(first)('%s gets its secrets as files of mode 0400, where its settings look for them', (_name, deployment) => {
  const root = folder();
  const [init, main] = containersOf(deployment) as [Manifest, Manifest];
  for (const { mountPath, name } of init.volumeMounts) {
    mkdirSync(join(root, mountPath), { recursive: true });
    const secret = volume(deployment, name).secret?.secretName;
    if (secret) mount(join(root, mountPath), MOUNTED[secret]!.split(' '));
  }
  expect(run(moved(init.command, root))).toEqual({ status: 0, said: '' });
  const settings = main.env.map(({ value }: Manifest) => value as string);
  const wanted = settings.filter((value: string) => /^\/run\/(tls|secrets\/(control|retrieval))\//.test(value));
  const home = deployment.metadata.name === 'control' ? ['/var/lib/bowline/owner.key'] : [];
  const models = /llm|embed/.test(deployment.metadata.name)
    ? ['/var/lib/bowline/models.yaml', '/var/lib/bowline/openai.key']
    : [];
  const files = [...wanted, ...home, ...models];
  expect(files).not.toEqual([]);
  for (const file of files) {
    expect(statSync(join(root, file)).mode & 0o777, file).toBe(0o400);
    expect(readHandedOver(join(root, file)), file).toMatch(/^what /);
  }
});

test('llm and embed start without models of their own', () => {
  const root = folder();
  for (const name of ['worker-llm', 'worker-embed']) {
    const [init] = containersOf(DEPLOYMENTS.find(({ metadata }) => metadata.name === name)!) as [Manifest];
    for (const { mountPath } of init.volumeMounts) mkdirSync(join(root, mountPath), { recursive: true });
    expect(run(moved(init.command, root))).toEqual({ status: 0, said: '' });
  }
});

test('the documented command makes an owner key', () => {
  const line = readFileSync('docs/operations.md', 'utf8')
    .split('\n')
    .find((each) => each.includes('> owner.key'));
  const dir = folder();
  expect(run(['sh', '-ceu', line ?? 'false'], dir)).toEqual({ status: 0, said: '' });
  expect(kindOf(readFileSync(join(dir, 'owner.key'), 'utf8'))).toBe('owner');
});

test('the file of a stuck worker fails its liveness, a missing one does not', () => {
  const [main] = containersOf(DEPLOYMENTS.find(({ metadata }) => metadata.name === 'worker-web')!).slice(-1) as [
    Manifest,
  ];
  const root = folder();
  const alive = () => run(moved(main.livenessProbe.exec.command, root)).status;
  mkdirSync(join(root, 'run/bowline'), { recursive: true });
  mkdirSync(join(root, 'opt/bowline'), { recursive: true });
  writeFileSync(join(root, 'opt/bowline/bowline'), '#!/bin/sh\nexit 6\n', { mode: 0o755 });
  expect(alive()).toBe(0);
  writeFileSync(join(root, 'run/bowline/worker.ok'), '');
  expect(alive()).toBe(6);
});

/** As kubelet mounts a Secret: a link for each file, into a folder behind another link. */
function mount(at: string, names: readonly string[]): void {
  mkdirSync(join(at, '..2026'));
  symlinkSync('..2026', join(at, '..data'));
  for (const name of names) {
    writeFileSync(join(at, '..2026', name), `what ${name} holds\n`, { mode: 0o440 });
    symlinkSync(join('..data', name), join(at, name));
  }
}

const volume = (deployment: Manifest, name: string): Manifest =>
  deployment.spec.template.spec.volumes.find((each: Manifest) => each.name === name);

/** The same command in another root. */
const moved = (command: readonly string[], root: string): string[] =>
  command.map((word, at) => (at === 0 ? word : word.replaceAll(/(?<![\w/.])\/(in|run|var|opt)\//g, `${root}/$1/`)));

function run(
  [file, ...words]: readonly string[],
  cwd = dirname(import.meta.dirname),
): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(file!, words, { cwd, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'bowline-k8s-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
