import { expect, test } from 'vitest';
import { denials } from './denied.ts';

const root = { name: 'docs', path: '/d/docs', realPath: '/d/docs', readable: true };
const below = (path: string, named: readonly string[] = []) => denials([], named).below(`/d/docs/${path}`, { root });

/** Names of secret files of well-known tools, as they are without a dot in front. */
const SECRETS = [
  'id_rsa',
  'id_ed25519',
  'id_ecdsa_sk',
  'work_id_rsa',
  'ssh_host_ed25519_key',
  'server.key',
  'cert.pem',
  'x.p12',
  'AuthKey_ABC.p8',
  'vault.kdbx',
  'kubeconfig',
  'admin.kubeconfig',
  'credentials',
  'credentials.csv',
  'secrets.toml',
  'passwords.txt',
  'terraform.tfstate',
  'wallet.dat',
  'service-account.json',
  'prod.env',
  'key4.db',
  'wg0.conf',
  'htpasswd',
  'client_secret_123.json',
  'api-keys.yaml',
  'github-token.txt',
];

const COPIES: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toUpperCase(),
  (name) => `${name}~`,
  (name) => `#${name}#`,
  (name) => `.#${name}`,
  (name) => `${name}.bak`,
  (name) => `${name}.bak.2`,
  (name) => `${name}.old`,
  (name) => `${name}-old`,
  (name) => `${name}_backup`,
  (name) => `${name}.orig`,
  (name) => `${name}.swp`,
  (name) => `${name}.20260102`,
  (name) => `${name} (2)`,
  (name) => `${name}.gz`,
  (name) => `copy of ${name}`,
  (name) => `sub/deeper/${name}`,
  (name) => `${name}/inside`,
];

test('secret files of well-known tools are denied below a root, with every mark of a copy', () => {
  for (const name of SECRETS) {
    for (const copy of COPIES) expect(below(copy(name)), copy(name)).toBe(true);
  }
});

test('a place of secrets is denied, though neither folder nor file is one by its name', () => {
  for (const path of ['aws/config', 'gh/hosts.yml', 'x/letsencrypt/live/site/fullchain', 'Chrome/Default/History']) {
    expect(below(path), path).toBe(true);
  }
});

test('ordinary names are not denied', () => {
  for (const name of [
    'notes.md',
    'README',
    'environment.md',
    'tokens.md',
    'secrets.md',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'keyboard.txt',
    'monkey.md',
    'identity.md',
    'config.yaml',
    'docs/passwords.md',
    'src/token.ts',
    'data.csv',
    'report (2).md',
    'budget-2024.old.md',
    'key-results.md',
    'main.go',
    'hosts.md',
    '合同.md',
  ]) {
    expect(below(name), name).toBe(false);
  }
});

test('what begins with a dot is denied below a root, and only there, unless a pattern names that part', () => {
  expect(below('.x')).toBe(true);
  expect(below('a/.x/b.md')).toBe(true);
  const dotted = { name: 'x', path: '/d/.x', realPath: '/d/.x', readable: true };
  expect(denials([]).below('/d/.x/a.md', { root: dotted })).toBe(false);
  const named = ['.github', 'a/.x/*.md', '**/.editorconfig', '.c*/app.toml'];
  for (const path of [
    '.github',
    '.github/w/ci.yml',
    'a/.x',
    'a/.x/n.md',
    '.editorconfig',
    'a/b/.editorconfig',
    '.cfg/app.toml',
  ]) {
    expect(below(path, named), path).toBe(false);
  }
  for (const path of [
    '.github/.deep/x',
    'a/.x/n.txt',
    'b/.x/n.md',
    '.editorconfig2',
    '.cfg/other',
    '.github/id_rsa',
    '.x',
  ]) {
    expect(below(path, named), path).toBe(true);
  }
  expect(below('.anything', ['*', '**'])).toBe(true);
});

test('no name makes the judgement slow', () => {
  const began = performance.now();
  for (const part of ['a.', '~', '#', '.bak', '-old', ' ', 'id_rsa', '(', 'a-', '1'])
    below(part.repeat(4_000).slice(0, 4_096));
  const deep = Array.from({ length: 500 }, () => 'a').join('/');
  below(
    `${deep}/.x`,
    Array.from({ length: 64 }, () => '**/a/**/a/**/.y'),
  );
  expect(performance.now() - began).toBeLessThan(2_000);
});

test('a run of marks in one part of a path hides no other part of it', () => {
  const marks = `a${'\u0301'.repeat(31)}`;
  expect(denials(['/r/jos\u00e9']).anywhere(`/r/jose\u0301/${marks}`)).toBe(true);
  expect(denials(['/r/jose\u0301']).anywhere(`/r/jos\u00e9/${marks}/b`)).toBe(true);
  expect(denials([`/r/${marks}/jos\u00e9`]).anywhere(`/r/${marks}/jose\u0301/x`)).toBe(true);
});
