// `make docker-test`: builds everything, starts the compose project with real Postgres and Redis, and sees what it promises. A line for
// each check; exit code 1 when one fails. It ends what it started and leaves the images for the next run. Needs root and
// Debian's docker.io, docker-compose and debootstrap, which it installs where they are missing.
//
//   KEEP=1       leaves the project running, to look at it
//   ONLY=a,b     these checks alone
//   BOWLINE_TEST_GGUF=file   with a worker that runs this model
import { spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKS } from './checks.mjs';
import { startEngine } from './engine.mjs';
import { buildServers, environment, npmRegistry } from './images.mjs';
import { LOG, root, run, say } from './shell.mjs';

const PROJECT = `bowline-test-${process.pid}`;
const PROFILES = ['--profile', 'edge', '--profile', 'local-models'];
const POOLS = ['llm', 'embed', 'retrieval', 'web', 'sandbox'];

writeFileSync(LOG, '');
say(`log: ${LOG}`);
const engine = await startEngine();
const work = mkdtempSync(join(tmpdir(), 'bowline-docker-test-'));
const documents = join(work, 'documents');
const localModels = join(work, 'local-models');
const gguf = process.env.BOWLINE_TEST_GGUF;
const compose = composeOf();
let failed = 0;
let over;
/** The environment of compose. */
let settled;
// However this process is ended, what it started is ended first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => void end().finally(() => process.exit(1)));
process.on('unhandledRejection', (error) => {
  failed++;
  say(`FAIL  ${error?.message ?? error}`);
});
try {
  await timed('images of the servers', buildServers);
  const services = ['setup', 'control-a', 'edge', ...POOLS.map((pool) => `worker-${pool}`), ...(gguf ? ['worker-local'] : [])];
  // The profiles are named, so that their services are built too.
  await timed('images of Bowline', () => compose([...PROFILES, 'build', ...services]));
  prepare();
  await timed('the project comes up', () => compose(['up', '-d', '--no-build']));
  const only = process.env.ONLY?.split(',');
  for (const [name, check] of Object.entries(CHECKS)) {
    if (only && !only.includes(name)) continue;
    const start = Date.now();
    try {
      const told = await check({ compose, scaler, docker: engine.docker, project: PROJECT, pools: POOLS, gguf });
      say(`ok    ${name}: ${told} (${seconds(start)})`);
    } catch (error) {
      failed++;
      say(`FAIL  ${name}: ${error.message} (${seconds(start)})`);
    }
  }
} catch (error) {
  failed++;
  say(`FAIL  ${error.message}`);
} finally {
  await end();
}
say(failed === 0 ? 'all checks passed' : `${failed} failed; see ${LOG}`);
process.exitCode = failed === 0 ? 0 : 1;

/** Ends the project and the engine, once, unless they are to be kept. */
function end() {
  over ??= (async () => {
    await compose(['logs', '--no-color', '--tail', '400']).catch(() => {});
    if (process.env.KEEP) return say(`kept: ${PROJECT} on ${engine.host}`);
    await compose([...PROFILES, 'down', '-v', '--remove-orphans', '-t', '20']).catch((error) => say(error.message));
    rmSync(work, { recursive: true, force: true });
    await engine.stop();
  })();
  return over;
}

/** What the project mounts from this machine. */
function prepare() {
  for (const folder of [documents, localModels]) mkdirSync(folder);
  chmodSync(work, 0o755);
  writeFileSync(join(documents, 'notes.md'), '# Launch\n\nThe launch is on 3 March. 发布日期是三月三日。\n');
  if (!gguf) return;
  copyFileSync(gguf, join(localModels, 'tiny.gguf'));
  chmodSync(join(localModels, 'tiny.gguf'), 0o644);
  writeFileSync(join(localModels, 'models.yaml'), 'default: tiny\nmodels:\n  tiny: { provider: gguf, file: /models/tiny.gguf, gpu: false }\n');
}

async function composeEnvironment() {
  settled ??= {
    ...environment,
    DOCKER_HOST: engine.host,
    NPM_CONFIG_REGISTRY: await npmRegistry(),
    // Any port that is free.
    BOWLINE_PUBLISH: '127.0.0.1:0',
    BOWLINE_DOCUMENTS: documents,
    BOWLINE_LOCAL_MODELS: localModels,
    // The engine that docker.io of Debian 12 brings has no other builder.
    DOCKER_BUILDKIT: '0',
    COMPOSE_DOCKER_CLI_BUILD: '0',
  };
  return settled;
}

function composeOf() {
  return async (words, options = {}) => {
    const env = await composeEnvironment();
    const files = ['-f', 'compose.yaml', '-f', 'test/compose.yaml'];
    return run('docker-compose', ['-p', PROJECT, ...files, ...words], { cwd: join(root, 'docker'), ...options, env: { ...env, ...options.env } });
  };
}

/** docker/scale-pools.mjs as its user runs it, with these files besides. */
async function scaler(files) {
  const words = ['docker-compose', '-p', PROJECT, '-f', 'compose.yaml', '-f', 'test/compose.yaml', ...files];
  const env = { ...process.env, ...(await composeEnvironment()), COMPOSE: words.join(' '), EVERY: '2', COOL: '6' };
  const child = spawn(process.execPath, ['scale-pools.mjs'], { cwd: join(root, 'docker'), env, stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8').on('data', (text) => appendFileSync(LOG, text));
  const ended = new Promise((resolve) => child.on('close', resolve));
  return {
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

async function timed(what, act) {
  const start = Date.now();
  await act();
  say(`done  ${what} (${seconds(start)})`);
}

function seconds(start) {
  return `${Math.round((Date.now() - start) / 1000)} s`;
}
