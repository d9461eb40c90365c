// Prints the words of the command line as JSON: for each verb and sub-verb its own verbs and options, from the commands themselves.
// The build keeps them in dist/verb-tree.json for `bowline completion`.
import { Command } from 'commander';
import { ID_KINDS } from '../src/cli/completion-scripts.ts';
import { edgeHelp } from '../src/edge/program/commands.ts';
import { CONTROL_VERBS } from '../src/main/control-verbs.ts';
import { VERBS } from '../src/main/verbs.ts';
import { WORKER_VERBS } from '../src/main/worker-verbs.ts';

interface Words {
  readonly summary: string;
  readonly verbs: string[];
  readonly options: string[];
  readonly ids?: string | undefined;
  readonly idOptions?: Record<string, string>;
}

const tree: Record<string, Words> = {};
const program = new Command('bowline').option('--home <folder>', '').option('--control <url>', '').version('0');
const io = { env: {}, cwd: '/', stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
const programs = { ...CONTROL_VERBS, ...WORKER_VERBS };
for (const { name, summary, load = programs[name] } of VERBS) {
  if (load) (await load())(program, { ...io, onInterrupt: () => () => {}, exit: () => {} });
  else program.command(name).summary(summary);
  program.commands.find((each) => each.name() === name)?.summary(summary);
}
take(program, '');
const edge = [...new Set(edgeHelp().match(/(?<=^ {2})--[a-z-]+/gm))];
tree.edge = { summary: tree.edge?.summary ?? '', verbs: [], options: edge };
process.stdout.write(`${JSON.stringify(tree)}\n`);

function isHidden(command: Command): boolean {
  return '_hidden' in command && command._hidden === true;
}

function kindOf(name: string): string | undefined {
  return ID_KINDS.find((each) => each === name);
}

function take(command: Command, path: string): void {
  const visible = command.commands.filter((each) => !isHidden(each));
  const shown = command.options.filter(({ hidden }) => !hidden);
  tree[path] = {
    summary: (command.summary() || command.description()).split('\n')[0] ?? '',
    verbs: [...visible.map((each) => each.name()), ...(command.registeredArguments[0]?.argChoices ?? [])],
    options: [...new Set([...shown.map(({ long, short }) => String(long ?? short)), '--help'])],
    ids: kindOf(command.registeredArguments[0]?.name() ?? ''),
    idOptions: Object.fromEntries(
      shown.flatMap(({ long, short, flags }) => {
        const kind = kindOf(/<(\w+)>/.exec(flags)?.[1] ?? '');
        return kind ? [long, short].flatMap((name) => (name ? [[name, kind]] : [])) : [];
      }),
    ),
  };
  for (const sub of visible) take(sub, `${path} ${sub.name()}`.trim());
}
