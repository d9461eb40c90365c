// The images of the test: a base made by debootstrap (no registry of images is needed), the servers from Debian's packages, and
// Bowline's own from docker/Dockerfile. What was made stays between runs, under names that begin with `bowline-test`.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { docker, root, run, say } from './shell.mjs';

export const PREFIX = 'bowline-test';

const CACHE = process.env.BOWLINE_DOCKER_CACHE ?? '/var/cache/bowline-docker-test';
const IMAGES = join(root, 'docker/test/images');

/** What compose is told of the images. */
export const environment = {
  BUILD_IMAGE: `${PREFIX}/build`,
  BASE_IMAGE: `${PREFIX}/bookworm`,
  POSTGRES_IMAGE: `${PREFIX}/postgres`,
  REDIS_IMAGE: `${PREFIX}/redis`,
  HAPROXY_IMAGE: `${PREFIX}/haproxy`,
  BOWLINE_IMAGES: PREFIX,
  BOWLINE_TAG: 'test',
};

/** Everything but Bowline's own images, which compose builds. */
export async function buildServers() {
  await base('bookworm');
  await base('trixie');
  await buildImage();
  for (const [name, suite] of [['postgres', 'trixie'], ['redis', 'bookworm'], ['haproxy', 'bookworm']]) {
    await build(name, IMAGES, `${name}.Dockerfile`, suite);
  }
}

/** A minimal Debian. It trusts whom this machine trusts, and takes packages from where this machine does. */
async function base(suite) {
  if (await has(`${PREFIX}/${suite}`)) return;
  mkdirSync(CACHE, { recursive: true });
  const tar = join(CACHE, `${suite}.tar`);
  if (!existsSync(tar)) {
    say(`debootstrap ${suite} ...`);
    const folder = mkdtempSync(join(tmpdir(), `bowline-${suite}-`));
    try {
      await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', suite, folder], { quiet: true });
      await run('tar', ['-C', folder, '-cf', `${tar}.part`, '.']);
      renameSync(`${tar}.part`, tar);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  say(`docker import ${suite} ...`);
  await docker(['import', tar, `${PREFIX}/${suite}-bare`]);
  const context = mkdtempSync(join(tmpdir(), 'bowline-base-'));
  try {
    const trust = '/etc/ssl/certs/ca-certificates.crt';
    writeFileSync(join(context, 'ca.crt'), existsSync(trust) ? readFileSync(trust) : '');
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM ${PREFIX}/${suite}-bare\nCOPY ca.crt /etc/ssl/certs/ca-certificates.crt\nENV LANG=C.UTF-8\nCMD ["/bin/sh"]\n`,
    );
    await docker(['build', '-q', '-t', `${PREFIX}/${suite}`, context]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** The builder: the base with this machine's Node and npm. */
async function buildImage() {
  if (await has(`${PREFIX}/build`)) return;
  const context = mkdtempSync(join(tmpdir(), 'bowline-builder-'));
  try {
    cpSync(realpathSync(process.execPath), join(context, 'node'));
    const cli = realpathSync((await run('sh', ['-c', 'command -v npm'], { quiet: true })).trim());
    cpSync(dirname(dirname(cli)), join(context, 'npm'), { recursive: true, dereference: true });
    cpSync(join(IMAGES, 'build.Dockerfile'), join(context, 'Dockerfile'));
    await docker(['build', '-q', '-t', `${PREFIX}/build`, '--build-arg', `BASE_IMAGE=${PREFIX}/bookworm`, context]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

async function build(name, context, file, suite) {
  if (await has(`${PREFIX}/${name}`)) return;
  say(`building ${name} ...`);
  const words = ['build', '-q', '-t', `${PREFIX}/${name}`, '--build-arg', `BASE_IMAGE=${PREFIX}/${suite}`];
  await docker([...words, '-f', join(context, file), context]);
}

async function has(image) {
  return (await docker(['images', '-q', image], { quiet: true })).trim() !== '';
}

/** The registry of packages that npm of this machine uses. */
export async function npmRegistry() {
  return (await run('npm', ['config', 'get', 'registry'], { quiet: true })).trim();
}
