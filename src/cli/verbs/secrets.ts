// The verb `secrets`: keeps secrets in files of the home, lists what uses them, and removes them. Values go in and are never shown.
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';
import { askHidden } from '../../base/ask-secret.ts';
import { AppError } from '../../base/errors.ts';
import { expandHome, type HomePaths } from '../../base/home.ts';
import { readSmall } from '../../base/read-small.ts';
import { Secret } from '../../base/secret.ts';
import {
  MAX_SECRET_BYTES,
  readNamedSecret,
  readSecretOf,
  removeSecret,
  SECRET_NAME,
  secretNames,
  withoutLineEnd,
  writeSecret,
} from '../../base/secret-files.ts';
import { secretProblem } from '../../base/secret-problem.ts';
import { type ConfiguredSecrets, configuredSecrets, type SecretUse } from '../../base/secret-uses.ts';
import { shellQuote } from '../../base/shell-quote.ts';
import { type GlobalOptions, homeOf } from '../client.ts';
import { done } from '../done.ts';
import type { CliIo } from '../io.ts';
import { wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import type { Column } from '../table.ts';
import { timeText } from '../units.ts';

interface SetOptions extends GlobalOptions {
  file?: string;
  json?: boolean;
}

interface LsOptions extends GlobalOptions {
  wide?: boolean;
  json?: boolean;
}

/** One line of the list. */
interface Listed {
  readonly name: string;
  readonly state: 'set' | 'missing' | 'unusable';
  /** What is wrong with it, for people. */
  readonly problem: string;
  /** When its file changed last. */
  readonly changed: Date | undefined;
  /** The file that config.yaml names for it. */
  readonly file: string | undefined;
  readonly uses: readonly SecretUse[];
}

export function secretsVerb(io: CliIo): Command {
  const secrets = new Command('secrets').description(
    'Keep secrets for the commands of this box; models and the control plane see their names only',
  );
  secrets.addCommand(
    new Command('set')
      .description(
        'Set a secret or replace its value; it is read from the terminal without echo, or from standard input',
      )
      .argument('<name>', 'lower-case letters, digits, `_` and `-`, with a letter first')
      .option('--file <file>', 'read the value from this file; what is in it may be several lines')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
The value is kept in a file of the home that only its user can read. An entry of allow.execute in config.yaml gets it by its
handle, in a variable of its environment or as its standard input; nothing else does:

  allow:
    execute:
      - argv: [restic, backup, /home/me/notes]
        confirm: always
        env: {RESTIC_PASSWORD: secret://backup}

The next start of a command gets a new value. The box masks it in all that leaves.

Examples:
  $ bowline secrets set backup
  $ bowline secrets set deploy-key --file ~/deploy.pem
  $ pass show mail | bowline secrets set mail`,
      )
      .action((name: string, _o, command: Command) => set(io, name, command.optsWithGlobals())),
  );
  secrets.addCommand(
    new Command('ls')
      .description('List secrets and what uses them; never their values')
      .addOption(wideOption())
      .option('--json', 'print one JSON array')
      .addHelpText('after', '\nExamples:\n  $ bowline secrets ls\n  $ bowline secrets ls --json')
      .action((_o, command: Command) => list(io, command.optsWithGlobals())),
  );
  secrets.addCommand(
    new Command('rm')
      .description('Remove a secret; commands that use it are refused from then on')
      .argument('<name>', 'as `secrets ls` shows it')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline secrets rm backup')
      .action((name: string, _o, command: Command) => remove(io, name, command.optsWithGlobals())),
  );
  return secrets;
}

async function set(io: CliIo, name: string, options: SetOptions): Promise<void> {
  mustBeName(name);
  const home = homeOf(io, options);
  const file = configuredSecrets(home.config).files[name];
  if (file !== undefined)
    throw new AppError('USAGE', { what: `config.yaml says that the secret ${name} lies in ${file}; write it there` });
  const value = await given(io, name, options);
  const problem = secretProblem(value.reveal());
  if (problem !== undefined) throw new AppError('USAGE', { what: `the secret ${name} was not set: ${problem}` });
  writeSecret(home.secrets, name, value);
  done(
    io,
    options,
    `${name} is set; an entry of config.yaml gets it by \`secret://${name}\`: a command in env or stdin, a server of the network in a header, local_model in key`,
    {
      name,
      set: true,
    },
  );
}

/** From the file, the terminal or standard input. Throws USAGE, CANCELED. */
async function given(io: CliIo, name: string, { file }: SetOptions): Promise<Secret> {
  if (file !== undefined) {
    const read = readSmall(resolve(io.cwd, expandHome(file, io.env)), MAX_SECRET_BYTES);
    if (read && 'text' in read) return new Secret(withoutLineEnd(read.text));
    throw new AppError('USAGE', { what: `--file ${file}: it ${read ? read.problem : 'is not there'}` });
  }
  if (io.stdin.isTTY) return new Secret(await askHidden(io, `Value of ${name}`));
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of io.stdin) {
    pieces.push(Buffer.from(piece));
    bytes += pieces.at(-1)?.length ?? 0;
    if (bytes > MAX_SECRET_BYTES) break;
  }
  return new Secret(withoutLineEnd(Buffer.concat(pieces).toString()));
}

async function remove(io: CliIo, name: string, options: SetOptions): Promise<void> {
  mustBeName(name);
  const home = homeOf(io, options);
  const { uses, files } = configuredSecrets(home.config);
  if (!removeSecret(home.secrets, name)) {
    const file = files[name];
    const what = file === undefined ? `there is no secret ${name}` : `${name} lies in ${file}, which config.yaml names`;
    throw new AppError('NOTHING_TO_DO', { what });
  }
  const users = uses.filter((use) => use.name === name).length;
  const told = users === 0 ? '' : `; what used it is refused now: ${commands(users)} in config.yaml`;
  done(io, options, `${name} is removed${told}`, { name, removed: true });
}

const commands = (count: number): string => (count === 1 ? '1 entry' : `${count} entries`);

function list(io: CliIo, options: LsOptions): void {
  const home = homeOf(io, options);
  const configured = configuredSecrets(home.config);
  const names = new Set([
    ...secretNames(home.secrets),
    ...Object.keys(configured.files),
    ...configured.uses.map(({ name }) => name),
  ]);
  const rows = [...names].sort().map((name) => look(io, home, configured, name));
  const out = new Printer(io.stdout, io.env);
  if (options.json) {
    out.json(
      rows.map(({ uses, changed, file = null, ...row }) => ({
        ...row,
        file,
        changed: changed?.toISOString() ?? null,
        usedBy: uses.map(({ argv, variable = null }) => ({ argv, variable, stdin: variable === null })),
      })),
    );
    return;
  }
  const columns: Column<Listed>[] = [
    { heading: 'name', text: ({ name }) => name, least: 8 },
    { heading: 'state', text: ({ state }) => state },
    { heading: 'changed', text: ({ changed }) => timeText(changed && timestampFromDate(changed)), leaves: 1 },
    { heading: 'used by', text: usesText, least: 12 },
    { heading: 'note', text: ({ problem, file }) => problem || (file ?? ''), least: 12 },
  ];
  out.table(columns, rows, { none: 'no secrets; `secrets set NAME` keeps one', wide: options.wide });
}

const usesText = ({ uses }: Listed): string =>
  uses.length === 0
    ? 'nothing'
    : uses
        .map(({ argv, variable }) => `${argv.map(shellQuote).join(' ')} (${variable ?? 'standard input'})`)
        .join('; ');

function look(io: CliIo, home: HomePaths, { files, uses }: ConfiguredSecrets, name: string): Listed {
  const said = files[name];
  const path = said === undefined ? join(home.secrets, name) : expandHome(said, io.env);
  const found = { name, file: said, uses: uses.filter((use) => use.name === name) };
  const changed = statSync(path, { throwIfNoEntry: false })?.mtime;
  try {
    const value = said === undefined ? readSecretOf(home.secrets, name) : readNamedSecret(path);
    if (value === undefined) return { ...found, state: 'missing', problem: '', changed };
    const problem = secretProblem(value.reveal());
    return { ...found, state: problem === undefined ? 'set' : 'unusable', problem: problem ?? '', changed };
  } catch (error) {
    const problem = error instanceof Error ? error.message : '';
    return { ...found, state: 'unusable', problem, changed };
  }
}

/** Throws USAGE. */
function mustBeName(name: string): void {
  if (!SECRET_NAME.test(name))
    throw new AppError('USAGE', {
      what: `${name} is no name of a secret: a lower-case letter, then at most 62 lower-case letters, digits, \`_\` and \`-\``,
    });
}
