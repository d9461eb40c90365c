// The demonstration: everything on this machine in a temporary home, one question asked twice, first with nothing shared, then with
// what the question names and what the first ask found. DIR (default: docs/) and ASK come from the environment, letter by letter.
// Leaves nothing behind. Exit code 0 if both were answered, 8 if not all that was found could be shared.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bowline = join(root, 'bowline');

/** Until everything must be ready, until one answer, and until everything must have stopped. */
const READY_MS = 180_000;
const ANSWER = '90s';
const STOP_MS = 30_000;
/** Files shared at once: the contract takes 64, and an answer from more is no better. */
const MOST_FILES = 40;
/** Names looked at for those in the question. */
const MOST_NAMES = 50_000;
const PARTLY = 8;

const { BOWLINE_HOME, BOWLINE_CONTROL, BOWLINE_OWNER_KEY_FILE, ...env } = process.env;
const ask = env.ASK || 'What is a grant?';

class Failure extends Error {
  constructor(text, code = 6) {
    super(text);
    this.code = code;
  }
}

let work;
/** The program `up`, while it runs. */
let up;

for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.on(signal, () => void cleanUp().then(() => process.exit(code)));
}

try {
  process.exitCode = await demonstrate(folder());
} catch (error) {
  console.error(error instanceof Failure ? `demo: ${error.message}` : error);
  process.exitCode = error instanceof Failure ? error.code : 6;
} finally {
  await cleanUp();
}

async function demonstrate(dir) {
  const names = namesIn(dir);
  if (names.length === 0) throw new Failure(`there is no file in ${dir}`, 2);
  work = mkdtempSync(join(tmpdir(), 'bowline-demo.'));
  console.log(`Bowline over ${dir}, in a home of its own ...\n`);
  await start(dir);

  say(`> ${ask}`, 'with nothing shared');
  await asks([]);
  const run = await lastRun();
  const { wanted, unsharable } = await toShare(run, dir, names);
  const shares = wanted.slice(0, MOST_FILES);
  if (shares.length > 0) {
    const [first, second] = shares.map((path) => relative(dirname(dir), path));
    const what =
      shares.length <= 2 ? [first, second].filter(Boolean).join(', ') : `${first} and ${shares.length - 1} more`;
    say(`> ${ask}`, `shared for this question only: ${what}`);
    await asks(shares);
  }
  say('What left the box for this answer, and to whom:');
  await told(['egress', 'ls', '--run', shares.length > 0 ? await lastRun() : run]);
  await stop();

  console.log('\nEverything is stopped and removed. With files of your own:');
  console.log(`  ${resolve('.') === root ? './bowline' : bowline} up --allow ~/notes`);
  if (unsharable.length > 0) {
    console.log(
      `\n${unsharable.join(', ')}: not shared, because the name has signs that cannot be told safely; rename it.`,
    );
  }
  if (wanted.length > shares.length) {
    console.log(
      `\nOnly ${shares.length} of the ${wanted.length} files in which something was found were shared, those that the question names first. Name a file in the question, or ask about a smaller folder.`,
    );
  }
  return wanted.length > shares.length || unsharable.length > 0 ? PARTLY : 0;
}

/** The folder or file that is asked about. */
function folder() {
  const dir = env.DIR || join(root, 'docs');
  try {
    return realpathSync(dir);
  } catch {
    throw new Failure(`there is no file or folder ${resolve(dir)}`, 2);
  }
}

/** The paths of the files in it, hidden ones left out. */
function namesIn(dir) {
  if (statSync(dir).isFile()) return [dir];
  const found = [];
  const folders = [dir];
  for (let next = folders.shift(); next !== undefined && found.length < MOST_NAMES; next = folders.shift()) {
    for (const entry of entriesOf(next)) {
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) folders.push(join(next, entry.name));
      else if (entry.isFile()) found.push(join(next, entry.name));
    }
  }
  return found;
}

function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** What the question names, then what the ask found and could not read, in its order. */
async function toShare(run, dir, names) {
  const text = ask.toLowerCase();
  const named = names.filter((path) =>
    [basename(path), relative(dir, path)].some((name) => name !== '' && text.includes(name.toLowerCase())),
  );
  // A longer name first: `a.md` stands in `data.md`, too.
  named.sort((a, b) => basename(b).length - basename(a).length);
  const unsharable = named.filter((path) => /[\p{Cc}\u2028\u2029\ufffd]/u.test(path));
  const { withheld = [] } = JSON.parse(await printed(['runs', 'show', run, '--json']));
  const known = new Set(names);
  const found = withheld.filter(({ name }) => name !== '').map(({ name }) => join(dirname(dir), name));
  const wanted = [...new Set([...named, ...found])].filter((path) => known.has(path) && !unsharable.includes(path));
  return { wanted, unsharable: unsharable.map((path) => JSON.stringify(relative(dir, path))) };
}

async function lastRun() {
  const [run] = JSON.parse(await printed(['runs', 'ls', '-n', '1', '--json']));
  return run.id;
}

/** Starts `up`, and waits until it is ready. */
async function start(dir) {
  const child = spawn(bowline, ['up', '--home', home(), '--allow', dir, '--port', '0'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  up = { child, ended: once(child, 'exit') };
  let out = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (piece) => {
    errors += piece;
  });
  await new Promise((ready, fail) => {
    const timer = setTimeout(
      () => fail(new Failure(`bowline up was not ready within ${READY_MS / 1000} s:\n${errors}`)),
      READY_MS,
    );
    child.stdout.setEncoding('utf8').on('data', (piece) => {
      out += piece;
      if (!/^ready /m.test(out)) return;
      clearTimeout(timer);
      ready();
    });
    child.once('error', fail);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      fail(new Failure(`bowline up ended (${signal ?? `exit code ${code}`}):\n${errors}`));
    });
  });
}

/** One ask; its words are never parsed by a shell. What it tells beside the answer is shown if there is none. */
async function asks(shares) {
  const words = shares.flatMap((path) => ['--share', path]);
  await told(['ask', '--timeout', ANSWER, ...words, '--', ask]);
}

/** Runs a command, its answer before the reader's eyes. */
async function told([verb, ...words]) {
  const child = spawn(bowline, [verb, '--home', home(), ...words], { env, stdio: ['ignore', 'inherit', 'pipe'] });
  await end(child, verb);
}

async function printed([verb, ...words]) {
  const child = spawn(bowline, [verb, '--home', home(), ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    out += piece;
  });
  await end(child, verb);
  return out;
}

async function end(child, verb) {
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (piece) => {
    errors += piece;
  });
  const [code, signal] = await once(child, 'close');
  // A part of an answer is an answer; what is missing is told behind it.
  if (code === 0) return;
  if (code !== PARTLY)
    throw new Failure(`bowline ${verb} ended (${signal ?? `exit code ${code}`}):\n${errors}`, code ?? 6);
}

function say(line, more) {
  console.log(`\n${bold(line)}${more === undefined ? '' : dim(`   ${more}`)}`);
}

function bold(text) {
  return styled(1, text);
}

function dim(text) {
  return styled(2, text);
}

function styled(code, text) {
  return process.stdout.isTTY && !env.NO_COLOR ? `\x1b[${code}m${text}\x1b[0m` : text;
}

function home() {
  return join(work, 'home');
}

async function stop() {
  if (!up) return;
  const { child, ended } = up;
  up = undefined;
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

async function cleanUp() {
  await stop();
  if (work) rmSync(work, { recursive: true, force: true });
}
