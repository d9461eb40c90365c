// The command line of `bowline edge`: flags in, options out. It starts nothing. No commander here: the bundle stays small.
import { parseArgs } from 'node:util';
import { controlUrl } from '../../base/control-address.ts';
import { AppError } from '../../base/errors.ts';
import { expandHome, homeFolder } from '../../base/home.ts';
import { settingsHelp } from '../../base/settings/show-settings.ts';
import type { SettingTexts } from '../../base/settings/sources.ts';
import { EDGE_TABLE } from '../config/edge-settings.ts';
import { EXAMPLE, settingSources } from '../config/setting-sources.ts';
import { deviceName } from '../identity/join.ts';

export interface EdgeOptions {
  readonly home: string;
  /** Where to dial; default: where this home joined. */
  readonly control: string | undefined;
  readonly allow: readonly string[];
  readonly allowWrite: readonly string[];
  readonly name: string | undefined;
  /** Read a join line first. */
  readonly join: boolean;
  /** Begin a new journal; the one that is there is set aside. */
  readonly newJournal: boolean;
  /** End when standard input ends: with the program that started it. */
  readonly withParent: boolean;
  /** Read first where to dial, or a join line. */
  readonly wait: boolean;
  readonly logLevel: string;
  /** Settings by `--set` and by the environment. */
  readonly settings: readonly SettingTexts[];
  /** Print the settings and end. */
  readonly print: 'lines' | 'json' | undefined;
}

/** Beginning of the line on standard output with which an edge with a parent tells why the control plane refuses it. */
export const REFUSED = 'refused ';

/** Beginning of the line on standard output with which an edge with a parent tells what became of its home. */
export const TOLD = 'told ';

export const edgeHelp =
  (): string => `usage: bowline edge [--home DIR] [--allow PATH]... [--allow-write PATH]... [--join] [--name NAME] [--control URL]

Runs the edge: the small process that holds the files, commands and permissions of this machine. It dials out to the control
plane and listens only on the owner's socket.

  --home DIR     the home folder; default: BOWLINE_HOME, or else ~/.bowline
  --allow PATH   a folder or file that may be read, in addition to those in config.yaml; may be repeated
  --allow-write PATH
                 a folder or file that may be written, after the owner was asked; may be repeated
  --join         join a control plane first: read one line \`URL TOKEN [NAME]\` (or JSON) from standard input. A home that
                 joined before becomes another device by a new line, with a new journal; the old one is set aside. A line
                 that this home has used already changes nothing
  --name NAME    the name of this device when it joins; default: the name of this machine
  --control URL  dial the control plane at this address instead of the one where the device joined; its key must be the same
  --new-journal  begin a new journal because the old one is lost or damaged; what is left of the old one is set aside. The
                 control plane then quarantines this device until its owner runs \`bowline devices adopt DEVICE\`
  --with-parent  end when standard input ends, so that the edge never outlives the program that started it
  --wait         read one line from standard input first: the URL to dial, or a join line
  --log-level L  debug, info (default), warn or error; the log is <home>/logs/edge.log
  --set NAME=VALUE
                 any setting by its name, such as ${EXAMPLE}; may be repeated
  --print-config print the settings and where each came from, and end; with --json as JSON
  --help         print this text

It prints \`ready {"device":...,"home":...,"socket":...,"connection":...}\` when the owner's socket listens, and runs until SIGTERM or
SIGINT. The connection is \`connected\`, or \`offline\` while it waits for the control plane. A device that was removed ends with exit code 5.

Examples:
  join a control plane and serve ~/notes; the line never shows in a process list or in a shell's history
    $ bowline edge --join --allow ~/notes
    $ bowline edge --join --allow ~/notes < join-line.txt
  afterwards
    $ bowline edge --allow ~/notes
  two edges on one machine, each with its own home and, if both run as root, its own user ids for commands
    $ bowline edge --home ~/.bowline-work --allow ~/work --set BOWLINE_EDGE_COMMAND_UID=60900

${settingsHelp(EDGE_TABLE).trim()}

Exit codes: 0 stopped, 2 usage or configuration, 5 refused, 6 failed.
`;

/**
 * Reads the command line behind `bowline edge`; 'help' when it asks for help. Throws USAGE, INSECURE_CONTROL.
 * @param argv without node and script; the word `edge` may stand anywhere between the options
 */
export function parseEdgeArgs(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): EdgeOptions | 'help' {
  const { values, positionals } = parsed(argv);
  if (values.help || positionals[0] === 'help') return 'help';
  const [word] = positionals[0] === 'edge' ? positionals.slice(1) : positionals;
  if (word !== undefined) {
    const what = `bowline edge: \`${word}\` is no option; each folder has its own --allow; see \`bowline edge --help\``;
    throw new AppError('USAGE', { what });
  }
  const logLevel = values['log-level'] ?? 'info';
  if (!['debug', 'info', 'warn', 'error'].includes(logLevel)) {
    throw new AppError('USAGE', { what: `--log-level ${logLevel} is not one of debug, info, warn, error` });
  }
  return {
    home: homeFolder(values.home, env),
    control: values.control === undefined ? undefined : controlUrl(values.control),
    allow: (values.allow ?? []).map((path) => expandHome(path, env)),
    allowWrite: (values['allow-write'] ?? []).map((path) => expandHome(path, env)),
    name: values.name === undefined ? undefined : deviceName(values.name),
    join: values.join ?? false,
    newJournal: values['new-journal'] ?? false,
    withParent: values['with-parent'] ?? false,
    wait: values.wait ?? false,
    logLevel,
    settings: settingSources(values.set ?? [], env),
    print: values.json ? 'json' : values['print-config'] ? 'lines' : undefined,
  };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      allowPositionals: true,
      options: {
        home: { type: 'string' },
        control: { type: 'string' },
        allow: { type: 'string', multiple: true },
        'allow-write': { type: 'string', multiple: true },
        name: { type: 'string' },
        join: { type: 'boolean' },
        'new-journal': { type: 'boolean' },
        'with-parent': { type: 'boolean' },
        wait: { type: 'boolean' },
        'log-level': { type: 'string' },
        set: { type: 'string', multiple: true },
        'print-config': { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message.split('. ')[0] : 'unknown';
    throw new AppError('USAGE', { what: `bowline edge: ${problem}; see \`bowline edge --help\`` }, { cause });
  }
}
