// The verb `init`: finds notes, models and keys, asks a few questions, shows what it would write, and writes it once it was told yes.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { Command } from 'commander';
import { calledAs } from '../../base/called-as.ts';
import { AppError } from '../../base/errors.ts';
import { expandHome, homeFolder, homePaths, userHome } from '../../base/home.ts';
import { shellQuote } from '../../base/shell-quote.ts';
import { EXIT } from '../../base/status-codes.ts';
import { builtFile } from '../../cli/built-file.ts';
import { completionScript, isCompletionScript, SHELLS, type Shell } from '../../cli/completion-scripts.ts';
import type { CliIo } from '../../cli/io.ts';
import { Printer } from '../../cli/output.ts';
import { loadEdgeConfig } from '../../edge/config/edge-config.ts';
import { readModels } from '../../worker/models/read-models.ts';
import { allowChange, fileChange, type InitChange, lineChange, linkChange, modelChange } from './changes.ts';
import { modelChoices } from './choices.ts';
import { type Found, find } from './find.ts';
import { type Choice, unitText } from './plan.ts';

interface InitFlags {
  home?: string;
  allow?: string[];
  model?: string;
  service?: boolean;
  completion?: boolean;
  link?: boolean;
  yes?: boolean;
  dryRun?: boolean;
}

interface Chosen {
  readonly folders: readonly string[];
  readonly model: Choice | undefined;
  readonly service: boolean;
  readonly completion: boolean;
  readonly link: boolean;
}

export function initVerb(io: CliIo): Command {
  return new Command('init')
    .description('Find notes and models, ask a few questions, and write the first configuration')
    .option('--allow <path...>', 'folders and files that may be read')
    .option('--model <name>', 'the model that answers: rules, one that Ollama has here, claude or gpt')
    .option('--service', 'keep `bowline up` running for this user, by systemd')
    .option('--completion', 'complete verbs and options in your shell')
    .option('--link', 'put bowline on the path: a link in ~/.local/bin')
    .option('-y, --yes', 'ask nothing: write what the flags say')
    .option('--dry-run', 'show what it would write, and write nothing')
    .addHelpText(
      'after',
      `
It shows each change before it makes it. What you have written yourself stays, unless you say that it is to be replaced.

Examples:
  $ bowline init
  $ bowline init --yes --allow ~/notes
  $ bowline init --yes --allow ~/notes --model llama3.2 --service --completion --link`,
    )
    .action((_o, command: Command) => init(io, command.optsWithGlobals<InitFlags>()));
}

async function init(io: CliIo, flags: InitFlags): Promise<void> {
  const home = homeFolder(flags.home, io.env);
  const asks = io.stdin.isTTY === true && !flags.yes && !flags.dryRun;
  if (!asks && !flags.yes && !flags.dryRun) {
    throw new AppError('USAGE', {
      what: 'there is no terminal to ask on; say --yes, and what is to be written: bowline init --yes --allow FOLDER',
    });
  }
  const found = await find(io.env);
  const err = new Printer(io.stderr, io.env);
  const chosen = asks ? await ask(io, home, found, flags) : told(io, home, found, flags);
  const changes = changesOf(io, home, chosen);
  const reads = chosen.folders.length > 0 || loadEdgeConfig(homePaths(home).config).roots.length > 0;
  if (changes.length === 0)
    err.line(reads ? 'everything is written already; nothing changes' : 'nothing was chosen, and nothing is written');
  for (const { path, lines, replaces } of changes) {
    err.line(`${path}${replaces ? `   takes the place of ${replaces}` : ''}`, 'bold');
    for (const line of lines) err.quoted(`  + ${line}`, 'green');
  }
  if (flags.dryRun) return;
  await write(io, err, changes, asks);
  err.line();
  err.line(
    chosen.service
      ? 'Bowline runs now, and after each start of this machine. Ask it something:'
      : `${reads ? 'Start it' : 'No folder may be read yet. Name one when you start it'}, and ask in another terminal:`,
  );
  if (!chosen.service) err.line(reads ? '  bowline up' : '  bowline up --allow FOLDER');
  err.line(`  bowline ask 'What is in my notes?'`);
}

/** What the flags say, where nobody is asked. Nothing is read that was not named. */
function told(io: CliIo, home: string, found: Found, flags: InitFlags): Chosen {
  const folders = (flags.allow ?? []).map((path) => resolve(io.cwd, expandHome(path, io.env)));
  const missing = folders.find((path) => !existsSync(path));
  if (missing) throw new AppError('USAGE', { what: `--allow ${missing}: there is no such file or folder` });
  if (folders.length === 0 && loadEdgeConfig(homePaths(home).config).roots.length === 0) {
    const seen = found.folders.map(({ path }) => path).join(', ');
    throw new AppError('USAGE', {
      what: `say which folder may be read: --allow FOLDER${seen ? ` (found: ${seen})` : ''}`,
    });
  }
  return {
    folders,
    model: flags.model === undefined ? undefined : choiceOf(flags.model, found),
    service: flags.service ?? false,
    completion: flags.completion ?? false,
    link: flags.link ?? false,
  };
}

function choiceOf(name: string, found: Found): Choice {
  const choices = modelChoices(found);
  const choice = choices.find((each) => each.name === name || each.name === `${name}:latest`);
  if (choice) return choice;
  throw new AppError('USAGE', {
    what: `--model ${name} was not found here; there are ${choices.map((each) => each.name).join(', ')}. For any other: bowline models set --help`,
  });
}

async function ask(io: CliIo, home: string, found: Found, flags: InitFlags): Promise<Chosen> {
  const { askFolders, askModel, askYes } = await import('./ask.ts');
  const folders = flags.allow ? told(io, home, found, flags).folders : await askFolders(found, io.cwd, io.env);
  const model = flags.model
    ? choiceOf(flags.model, found)
    : await askModel(modelChoices(found), readModels(home).defaultModel);
  const service =
    flags.service ??
    (hasUserUnits() && (await askYes('Keep it running, also after a restart? (a systemd unit of yours)', false)));
  const completion =
    flags.completion ?? (shellOf(io) !== undefined && (await askYes(`Complete its words in ${shellOf(io)}?`, true)));
  const link =
    flags.link ??
    (calledAs(io.env) !== 'bowline' && (await askYes('Put `bowline` on the path? (a link in ~/.local/bin)', true)));
  return { folders, model, service, completion, link };
}

function changesOf(io: CliIo, home: string, { folders, model, service, completion, link }: Chosen): InitChange[] {
  const launcher = launcherPath();
  return [
    ...allowChange(home, folders),
    ...(model ? modelChange(home, model) : []),
    ...(link ? linkChange(io.env, launcher) : []),
    ...(completion ? completionChange(io) : []),
    ...(service ? serviceChange(io, home, launcher) : []),
  ];
}

async function write(io: CliIo, err: Printer, changes: readonly InitChange[], asks: boolean): Promise<void> {
  if (changes.length === 0) return;
  const { askYes } = asks ? await import('./ask.ts') : { askYes: async () => true };
  const fresh = changes.filter(({ replaces }) => replaces === undefined);
  if (fresh.length > 0 && !(await askYes('Write this?', true))) {
    throw new AppError('USAGE', { what: 'left; nothing was written' });
  }
  for (const change of fresh) change.make();
  for (const change of changes.filter(({ replaces }) => replaces !== undefined)) {
    if (asks && (await askYes(`Replace ${change.replaces} in ${change.path}?`, false))) change.make();
    else {
      err.line(`left as it is: ${change.path}; it would have taken the place of ${change.replaces}`, 'yellow');
      io.exit(EXIT.partial);
    }
  }
}

function completionChange(io: CliIo): InitChange[] {
  const shell = shellOf(io);
  if (shell === undefined)
    throw new AppError('USAGE', { what: `there is completion for ${SHELLS.join(', ')}; SHELL names none of them` });
  const script = completionScript(shell, JSON.parse(builtFile('verb-tree.json')));
  const own = userHome(io.env);
  const data = baseFolder(io.env.XDG_DATA_HOME) ?? join(own, '.local', 'share');
  if (shell === 'bash') return scriptChange(join(data, 'bash-completion/completions/bowline'), script);
  if (shell === 'fish') return scriptChange(join(configFolder(io.env), 'fish/completions/bowline.fish'), script);
  const file = join(data, 'bowline/completion.zsh');
  return [...scriptChange(file, script), ...lineChange(join(own, '.zshrc'), `source ${shellQuote(file)}`)];
}

/** Long, and of no interest line by line. One that an earlier version wrote is followed by this one without a question. */
const scriptChange = (path: string, script: string): InitChange[] =>
  fileChange(path, script, { ours: isCompletionScript }).map((change) => ({
    ...change,
    lines: [`the words of Bowline for your shell (${change.lines.length} lines)`],
  }));

/** A folder of the XDG base directories; one that is not absolute is ignored, as their specification says. */
const baseFolder = (path: string | undefined): string | undefined => (path && isAbsolute(path) ? path : undefined);
const configFolder = (env: CliIo['env']): string => baseFolder(env.XDG_CONFIG_HOME) ?? join(userHome(env), '.config');

function serviceChange(io: CliIo, home: string, launcher: string): InitChange[] {
  if (!hasUserUnits())
    throw new AppError('USAGE', {
      what: '--service needs systemd with a session of this user; without it, start `bowline up` as you start other programs',
    });
  const folder = join(configFolder(io.env), 'systemd/user');
  const enable = () => {
    for (const words of [['daemon-reload'], ['enable', '--now', 'bowline.service']]) {
      const { status, stderr } = spawnSync('systemctl', ['--user', ...words], { encoding: 'utf8' });
      if (status !== 0)
        throw new AppError('USAGE', { what: `systemctl --user ${words.join(' ')} failed: ${stderr.trim()}` });
    }
  };
  const text = unitText(launcher, home, io.env.PATH ?? '/usr/bin:/bin');
  return fileChange(join(folder, 'bowline.service'), text, { after: enable });
}

/** Whether this user has units that systemd starts. */
function hasUserUnits(): boolean {
  return spawnSync('systemctl', ['--user', 'show-environment'], { stdio: 'ignore' }).status === 0;
}

function shellOf(io: CliIo): Shell | undefined {
  const name = io.env.SHELL?.split('/').at(-1);
  return SHELLS.find((shell) => shell === name);
}

/** The launcher of this copy: beside `dist/`, or in the folder of the sources. */
function launcherPath(): string {
  const here = import.meta.dirname;
  const path = [join(here, '../bowline'), join(here, '../../../bowline')].find((each) => existsSync(each));
  if (path === undefined) throw new AppError('USAGE', { what: 'the launcher of this copy was not found beside dist/' });
  return path;
}
