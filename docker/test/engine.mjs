// A Docker engine for the test: the one that answers already, else one of its own, with its own folder and socket, ended by its
// process id. Installs Debian's packages where they are missing.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { docker, LOG, run, say, until } from './shell.mjs';

const PACKAGES = { dockerd: 'docker.io', 'docker-compose': 'docker-compose', debootstrap: 'debootstrap', iptables: 'iptables' };

/** Images stay here between runs. */
const DATA = process.env.BOWLINE_DOCKER_DATA ?? '/var/lib/bowline-docker-test';

export async function startEngine() {
  await install();
  const given = process.env.DOCKER_HOST;
  if (await answers(given)) return engineAt(given ?? 'unix:///var/run/docker.sock', async () => {});
  const folder = `/run/bowline-docker-test-${process.pid}`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const host = `unix://${join(folder, 'docker.sock')}`;
  const out = openSync(`${LOG}.engine`, 'w');
  const words = ['--data-root', DATA, '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid'), '-H', host];
  const child = spawn('dockerd', [...words, '--storage-driver', 'overlay2'], { stdio: ['ignore', out, out] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  try {
    await until('the Docker engine', () => answers(host), 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return engineAt(host, stop);
}

function engineAt(host, stop) {
  process.env.DOCKER_HOST = host;
  return { host, stop, docker: (words, options) => docker(words, options) };
}

async function answers(host) {
  try {
    await docker(['version'], { quiet: true, env: host ? { DOCKER_HOST: host } : {} });
    return true;
  } catch {
    return false;
  }
}

async function install() {
  const missing = [];
  for (const [program, name] of Object.entries(PACKAGES)) {
    const there = await run('sh', ['-c', `command -v ${program} || command -v /usr/sbin/${program}`], { quiet: true }).catch(() => '');
    if (!there.trim()) missing.push(name);
  }
  if (missing.length === 0) return;
  if (process.getuid() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`needs ${missing.join(', ')}: apt-get install ${missing.join(' ')}`);
  }
  say(`installing ${missing.join(', ')} ...`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], { env });
}
