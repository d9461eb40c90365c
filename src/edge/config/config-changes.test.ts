import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { configChanges, configDigest, limitsInForce } from './config-changes.ts';
import { loadEdgeConfig } from './edge-config.ts';

function folder() {
  const dir = mkdtempSync(join(tmpdir(), 'config-changes-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ['a', 'b', '文件']) mkdirSync(join(dir, name));
  return (text: string) => {
    writeFileSync(join(dir, 'config.yaml'), text.replaceAll('DIR', dir));
    return loadEdgeConfig(join(dir, 'config.yaml'));
  };
}

test('each entry that came, went or changed is a line, and what may be secret is not told', () => {
  const load = folder();
  const before = load(`allow:
  read: [DIR/a, DIR/文件]
  hidden: [.github]
  write: [{path: DIR/a/x.txt, confirm: never}]
  execute:
    - {argv: [df, -h], confirm: never, env: {TOKEN: hunter2, KEEP: k}}
    - {argv: [date], confirm: always}
secrets: {mail: {file: /run/mail}}
notify: {command: [notify-send, hunter2]}
`);
  const after = load(`allow:
  read: [DIR/b, DIR/文件]
  write: [{path: DIR/a/x.txt, confirm: always}, {path: DIR/b, confirm: first}]
  execute:
    - {argv: [df, -h], confirm: never, output: share, env: {TOKEN: hunter3, KEEP: k, MORE: secret}, read: [DIR/b]}
    - {argv: [uptime], confirm: first}
secrets: {mail: {file: /run/other}}
notify: {command: [notify-send, hunter3], title: true}
labels: {tier: '2'}
limits: {read_bytes: 9, parallel: 2}
name: kiste
`);
  const changes = configChanges(before, after);
  const dir = before.roots[0]!.path.slice(0, -2);
  expect(changes.map(({ text }) => text.replaceAll(dir, 'DIR'))).toEqual([
    'removed: allow.read DIR/a',
    'added: allow.read DIR/b',
    'removed: allow.hidden .github',
    'changed: allow.write DIR/a/x.txt: confirm never -> always',
    'added: allow.write DIR/b/ (confirm first)',
    'removed: allow.execute date',
    'changed: allow.execute df -h: output withhold -> share; read nothing -> DIR/b; env TOKEN is another; env MORE is another',
    'added: allow.execute uptime (confirm first; output withhold; isolation auto; network false; preview false; stdin false)',
    'changed: secrets mail: file /run/mail -> /run/other',
    'changed: notify: command is another; title false -> true',
    'added: labels tier (2)',
    'changed: limits.parallel: 4 -> 2',
    'changed: limits.read_bytes: 262144 -> 9',
    'added: name (kiste)',
  ]);
  expect(changes.filter(({ atRestart }) => atRestart).map(({ text }) => text)).toEqual([
    'changed: limits.parallel: 4 -> 2',
    'added: name (kiste)',
  ]);
  expect(JSON.stringify(changes)).not.toMatch(/hunter|secret"/);
  expect(configChanges(before, before)).toEqual([]);
  expect(configDigest(before)).not.toEqual(configDigest(after));
  expect(limitsInForce(before.limits, after.limits)).toEqual({ ...before.limits, read_bytes: 9 });
});

test('entries of the same words are told apart, and a change of a value that is not told is another configuration', () => {
  const load = folder();
  const entry = (token: string) => `    - {argv: [df], confirm: never, env: {T: ${token}}}\n`;
  const config = (...tokens: string[]) => load(`allow:\n  execute:\n${tokens.map(entry).join('')}`);
  const [one, other] = [config('a', 'b'), config('a', 'c')];
  expect(configChanges(one, other)).toEqual([
    { text: 'changed: allow.execute df (the 2. of these words): env T is another', atRestart: false },
  ]);
  expect(configDigest(one)).not.toEqual(configDigest(other));
});
