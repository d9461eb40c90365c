// Writes docs/configuration.md, and the settings among the limits in docs/limits.md, from the tables of settings. Run it after
// a change of a table: `node scripts/config-docs.ts`. A test fails while they differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OTHER_NAMES } from '../src/base/env-names.ts';
import type { NumberSetting, Setting, SettingTable } from '../src/base/settings/setting.ts';
import { fallbackText, fileVariant, shapeText } from '../src/base/settings/setting-text.ts';
import { CONTROL_SETTINGS, CONTROL_TABLE } from '../src/control/settings.ts';
import { EDGE_TABLE } from '../src/edge/config/edge-settings.ts';
import { WORKER_TABLE } from '../src/worker/program/settings.ts';

/** The whole page. */
export function configurationPage(): string {
  const sections = [
    ...groupsOf(CONTROL_TABLE, '##'),
    ...WORKERS,
    ...groupsOf(WORKER_TABLE, '###'),
    ...EDGES,
    ...groupsOf(EDGE_TABLE, '###'),
  ];
  return `${[...INTRODUCTION, ...sections, ...OTHERS].join('\n')}\n`;
}

function groupsOf({ groups, rows }: SettingTable, level: string): string[] {
  return Object.entries(groups).flatMap(([group, title]) => {
    const inside = Object.values(rows).filter((setting) => setting.group === group);
    if (inside.length === 0) return [];
    return [
      `${level} ${title}`,
      '',
      '| name | what | value | default |',
      '|---|---|---|---|',
      ...inside.map(pageRow),
      '',
    ];
  });
}

/** The text of limits.md with the rows of the settings made anew: the worker's in its section, the control plane's before. */
export function withLimits(text: string): string {
  const lines = text.split('\n');
  const workers = lines.indexOf('## Workers');
  const control = limitsOf(CONTROL_TABLE, [CONTROL_SETTINGS.port.env]);
  return [...renewed(lines.slice(0, workers), control), ...renewed(lines.slice(workers), limitsOf(WORKER_TABLE))].join(
    '\n',
  );
}

const limitsOf = ({ rows }: SettingTable, without: readonly string[] = []): string[] =>
  Object.values(rows).flatMap((setting) => {
    if (without.includes(setting.env)) return [];
    if (setting.kind === 'time') return [`| ${setting.what} | ${setting.fallback} | forever | \`${setting.env}\` |`];
    return setting.kind === 'number' ? [limitRow(setting)] : [];
  });

/** The lines of a section with these rows of settings, where the old ones stood or else at the top of its table. */
function renewed(lines: readonly string[], rows: readonly string[]): string[] {
  const isOurs = (line: string) => /\| `(BOWLINE|DATABASE|REDIS)_[A-Z_]+` \|$/.test(line);
  const old = lines.findIndex(isOurs);
  const first = old < 0 ? lines.findIndex((line) => line.startsWith('|---')) + 1 : old;
  return [...lines.slice(0, first), ...rows, ...lines.slice(first).filter((line) => !isOurs(line))];
}

const flagsOf = (setting: Setting) => (setting.flag ? `, \`${setting.flag.replace(/ .*/, '')}\`` : '');

function pageRow(setting: Setting): string {
  const also = setting.kind === 'secret' ? fileVariant(setting) : setting.key;
  const file = also === undefined ? '' : `, \`${also}\``;
  const value = setting.kind === 'secret' ? `\`${shapeText(setting)}\`` : shapeText(setting);
  const fallback = fallbackText(setting);
  const inUnits = setting.kind === 'number' && (setting.unit === 'ms' || setting.unit === 'bytes');
  const human = inUnits ? humanOf(setting.fallback, setting) : undefined;
  const shown = fallback === undefined ? '' : `\`${fallback}\`${human ? ` (${human})` : ''}`;
  return `| \`${setting.env}\`${file}${flagsOf(setting)} | ${setting.what} | ${value} | ${shown} |`;
}

const limitRow = (setting: NumberSetting): string =>
  `| ${setting.what} | ${humanOf(setting.fallback, setting)} | ${humanOf(setting.max, setting)} | \`${setting.env}\` |`;

/** `10 s`, `8 MiB`, `4,096`: in the largest unit that leaves a whole number. */
function humanOf(value: number, { unit }: NumberSetting): string {
  const units: Record<NumberSetting['unit'], [number, string][]> = {
    ms: [
      [3_600_000, 'h'],
      [60_000, 'min'],
      [1_000, 's'],
      [1, 'ms'],
    ],
    seconds: [[1, 's']],
    minutes: [[1, 'min']],
    hours: [[1, 'h']],
    bytes: [
      [1 << 20, 'MiB'],
      [1 << 10, 'KiB'],
      [1, 'bytes'],
    ],
    days: [[1, 'days']],
    count: [],
  };
  // A single minute or hour is easier to compare in the next smaller unit.
  const found = units[unit].find(([size, name]) => value % size === 0 && value >= size * (name === 'min' ? 2 : 1));
  const count = (number: number) => number.toLocaleString('en-US');
  return found ? `${count(value / found[0])} ${found[1]}` : count(value);
}

const INTRODUCTION = `# Configuration

\`scripts/config-docs.ts\` makes this page from the tables of settings; \`bowline control --help\`, \`bowline worker --help\` and \`bowline edge --help\`
list the same settings. The control plane comes first, then [workers](#workers) and [edges](#edges), which take their settings in the same way.

A setting has the same name everywhere. Its value comes from the first of these that has it:

1. flags: \`--set NAME=VALUE\`, which may be repeated, or the setting's own flag, which some settings have;
2. the environment;
3. the file \`control.yaml\` of the home, or the one that \`--config\` or \`BOWLINE_CONFIG\` names. Its keys are the names:

   \`\`\`yaml
   DATABASE_URL_FILE: /run/secrets/database-url
   REDIS_URL_FILE: /run/secrets/redis-url
   BOWLINE_PORT: 7420
   BOWLINE_REDIS_SENTINELS: [redis-1:26379, redis-2:26379]
   \`\`\`

\`bowline control\` and \`bowline up\` take these settings. An empty value counts as none. A name that does not exist is an error that suggests the nearest
name; in the environment this applies to names that begin with \`BOWLINE_\`. \`bowline control --print-config --json\` prints the settings in force
and where each one came from.

URLs that hold a password are secrets: they are never printed or logged. Instead of the name itself, \`<name>_FILE\` can name a
file that holds the value, such as a secret of Docker or Kubernetes. The file must have mode 0600 or 0400. A \`control.yaml\` that holds a
secret itself must have mode 0600. Other users can read a flag in the list of processes.

| \`DATABASE_URL\` | \`REDIS_URL\` | what runs |
|---|---|---|
| | | one replica on the embedded database, which is all that \`bowline up\` needs |
| set | | one replica on Postgres; it warns when another replica works on the same database |
| set | set | any number of replicas |
| | set | refused: the embedded database cannot be shared |
`.split('\n');

const WORKERS = `## Workers

\`bowline worker\` takes its settings by the same rules: from flags, from the environment, and from the file \`worker.yaml\` of the home or
the one that \`--config\` names (\`BOWLINE_CONFIG\` is the control plane's). \`bowline worker --print-config --json\` prints the settings in
force. So a container needs nothing except its environment:

\`\`\`sh
BOWLINE_CONTROL=https://bowline.example BOWLINE_WORKER_KEY_FILE=/run/secrets/worker-key BOWLINE_WORKER_SERVE=llm bowline worker
\`\`\`

The worker inside \`bowline up\` has the same settings. It takes them from the same environment, from \`worker.yaml\` of the home, and from \`--set\`, which
there takes names of both programs. Each program knows the names of the other, so both may share an environment. A file, and \`--set\` of
\`control\` or \`worker\`, may hold only names of that program.
`.split('\n');

const EDGES = `## Edges

\`bowline edge\` takes its settings by the same rules: from \`--set NAME=VALUE\`, from the environment, and from the file \`config.yaml\` of the
home. Their keys in that file are the second names below; \`limits.parallel\` is the key \`parallel\` under \`limits\`. The file also holds
what the edge may read, write and run, which no flag but \`--allow\` and \`--allow-write\` and no name of the environment adds to; see [limits.md](limits.md) for what
each limit is for. \`bowline edge --print-config --json\` prints what holds and where each setting came from. The edge of \`bowline up\` has the
same settings, from the same environment, from \`config.yaml\`, and by \`--set\`.
`.split('\n');

const OTHERS = `## Proxies

Edges, workers and the command line reach a control plane through the HTTP proxy that the environment of the program names, as curl
does. Workers reach the providers of models and embeddings in the same way:

| name | what |
|---|---|
| \`https_proxy\`, \`HTTPS_PROXY\` | the proxy for \`https://\`, like \`http://proxy.example:3128\` or \`http://user:password@proxy.example:3128\` |
| \`http_proxy\`, \`HTTP_PROXY\` | the proxy for \`http://\` |
| \`no_proxy\`, \`NO_PROXY\` | what is dialled directly, separated by commas: names (each also stands for all names below it), addresses, networks like \`10.0.0.0/8\`; each with \`:port\` if only one port is meant; \`*\` for everything |

If both are set, the lower-case name wins. This machine itself (\`localhost\`, \`127.0.0.0/8\`, \`::1\`) is always dialled directly. The way to
a control plane is a tunnel (CONNECT): the proxy learns host and port, and the control plane proves itself inside. A provider with \`https://\` is reached through a tunnel as well. A provider with \`http://\` is asked in clear, and the proxy sees texts and key. Web pages are
fetched through proxies only with \`BOWLINE_WEB_PROXY=environment\`. In that case networks in \`NO_PROXY\` are ignored, and \`HTTP_PROXY\` also serves
\`https://\` if \`HTTPS_PROXY\` is not set. The edge of \`bowline up\` gets none of these names, because its control plane is on this machine.

## Names of other programs

${OTHER_NAMES.filter((name) => !/SEEDS|HISTORIES/.test(name))
  .map((name) => `\`${name}\``)
  .join(', ')} are read by all programs, by the command line or by workers. See
[cli.md](cli.md). Names that begin with \`BOWLINE_TEST_\`, \`BOWLINE_CHAOS_\` or \`BOWLINE_BENCH_\` belong to tests and benchmarks.`.split(
  '\n',
);

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const docs = join(dirname(import.meta.dirname), 'docs');
  const limits = join(docs, 'limits.md');
  writeFileSync(join(docs, 'configuration.md'), configurationPage());
  writeFileSync(limits, withLimits(readFileSync(limits, 'utf8')));
}
