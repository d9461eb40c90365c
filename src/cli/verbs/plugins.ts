// The verb `plugins`: contracts of capabilities that are not part of Bowline and that workers of the owner serve.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type Plugin, PluginSchema, PluginService } from '../../../gen/bowline/control/v1/plugin_service_pb.ts';
import { Effect, EffectSchema } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { AppError } from '../../base/errors.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import { timeColumn } from '../columns.ts';
import { done } from '../done.ts';
import type { CliIo } from '../io.ts';
import { allPages, wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { listed, watchOption } from '../watched-list.ts';

interface AddOptions extends GlobalOptions {
  effect: string;
  idempotent?: boolean;
  trusted?: boolean;
  json?: boolean;
}

const NOT_TOLD = 'the control plane did not say what it added; see `bowline plugins ls`';

const EFFECTS: Readonly<Record<string, Effect>> = {
  none: Effect.NONE,
  read: Effect.READ,
  write: Effect.WRITE,
  execute: Effect.EXECUTE,
  network: Effect.NETWORK,
  actuate: Effect.ACTUATE,
};

export function pluginsVerb(io: CliIo): Command {
  const plugins = new Command('plugins').description('List, add and remove capabilities that are not part of Bowline');
  plugins.addCommand(
    new Command('ls')
      .description('List the plugins by package')
      .addOption(wideOption())
      .addOption(watchOption())
      .option('--json', 'print one JSON array')
      .addHelpText('after', '\nExamples:\n  $ bowline plugins ls\n  $ bowline plugins ls --json')
      .action(listed(io, list)),
  );
  plugins.addCommand(
    new Command('add')
      .description('Add a plugin, or replace its contract: what its workers serve must be built from exactly this one')
      .argument('<file>', 'descriptor set of one service, with all imports')
      .addOption(
        new Option('--effect <effect>', 'what its methods do, whatever the contract itself says')
          .choices(Object.keys(EFFECTS))
          .default('network'),
      )
      .option('--idempotent', 'its methods may be repeated blindly when a worker is lost')
      .option('--trusted', 'treat its answers like words of your own')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
Examples:
  $ buf build examples/python-worker/proto --as-file-descriptor-set -o words.binpb
  $ bowline plugins add words.binpb --effect none --idempotent
  $ bowline workers create-key words --package example.words.v1 > words.key`,
      )
      .action((file: string, _o, command: Command) => add(io, file, command.optsWithGlobals())),
  );
  plugins.addCommand(
    new Command('rm')
      .description('Remove a plugin')
      .argument('<package>', 'its package')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline plugins rm example.words.v1')
      .action((name: string, _o, command: Command) => remove(io, name, command.optsWithGlobals())),
  );
  return plugins;
}

async function list(io: CliIo, options: GlobalOptions & { json?: boolean; wide?: boolean }): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const plugins = await using(controlSide(io, options), (control) => {
    const service = control.client(PluginService);
    return allPages(async (pageToken) => {
      const page = await service.listPlugins({ pageToken });
      return { items: page.plugins, nextPageToken: page.nextPageToken };
    });
  });
  if (options.json) {
    out.json(plugins.map((plugin) => plain(PluginSchema, plugin)));
    return;
  }
  const columns: Column<Plugin>[] = [
    { heading: 'plugin', text: (each) => each.package, least: 20 },
    { heading: 'effect', text: effectText },
    { heading: 'methods', text: (each) => each.methods.join(', '), least: 12 },
    timeColumn('changed', (each) => each.updateTime, { leaves: 1 }),
  ];
  out.table(columns, plugins, { none: 'no plugins; add one with: bowline plugins add FILE', wide: options.wide });
}

async function add(io: CliIo, file: string, options: AddOptions): Promise<void> {
  const descriptorSet = bytesOf(io, file);
  const { plugin } = await using(controlSide(io, options), (control) =>
    control.client(PluginService).createPlugin({
      descriptorSet,
      effect: EFFECTS[options.effect] ?? Effect.NETWORK,
      idempotent: options.idempotent ?? false,
      trusted: options.trusted ?? false,
    }),
  );
  if (!plugin) throw new AppError('INTERNAL', {}, { message: NOT_TOLD });
  const out = new Printer(io.stdout, io.env);
  if (options.json) out.json(plain(PluginSchema, plugin));
  else out.line(`${plugin.package}: ${plugin.methods.join(', ')} (${effectText(plugin)})`);
}

async function remove(io: CliIo, name: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  await using(controlSide(io, options), (control) => control.client(PluginService).deletePlugin({ package: name }));
  done(io, options, `removed ${name}`, { package: name });
}

function bytesOf(io: CliIo, file: string): Uint8Array {
  try {
    return readFileSync(resolve(io.cwd, file));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new AppError('USAGE', { what: `the file ${file} cannot be read (${code})` }, { cause });
  }
}

function effectText({ effect, idempotent, trusted }: Plugin): string {
  const more = [idempotent ? 'idempotent' : '', trusted ? 'trusted' : 'untrusted'].filter(Boolean);
  return [enumText(EffectSchema, effect), ...more].join(', ');
}
