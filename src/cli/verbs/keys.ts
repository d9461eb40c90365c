// The verb `keys`: lists keys of owners and workers and join tokens, makes owner keys, and revokes any of them.
import { Command, Option } from 'commander';
import {
  type Key,
  KeyKind,
  KeyKindSchema,
  KeySchema,
  KeyService,
  KeyState,
  KeyStateSchema,
} from '../../../gen/bowline/control/v1/key_service_pb.ts';
import { AppError } from '../../base/errors.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import { timeText } from '../units.ts';

interface LsOptions extends GlobalOptions, ListOptions {
  all?: boolean;
  kind?: string;
}

/** How kinds are called here. */
const KINDS: Readonly<Record<string, KeyKind>> = {
  owner: KeyKind.OWNER,
  worker: KeyKind.WORKER,
  join: KeyKind.JOIN_TOKEN,
};

export function keysVerb(io: CliIo): Command {
  const keys = new Command('keys').description('List, make and revoke keys of owners and workers, and join tokens');
  keys.addCommand(
    lsCommand('List keys, newest first; never the keys themselves')
      .addOption(new Option('--kind <kind>', 'only of this kind').choices(Object.keys(KINDS)))
      .option('--all', 'also those that are revoked, used or expired')
      .addHelpText('after', '\nExamples:\n  $ bowline keys ls\n  $ bowline keys ls --kind worker --all --json')
      .action((_o, command: Command) => list(io, command.optsWithGlobals())),
  );
  keys.addCommand(
    new Command('create')
      .description('Make another owner key, with all rights of one; it is shown once')
      .argument('<name>', 'name by which you know it')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
Keys of workers are made by \`bowline workers create-key\`, join tokens by \`bowline devices join-token\`.

Examples:
  $ (umask 077; bowline keys create laptop > laptop.key)
  $ BOWLINE_OWNER_KEY_FILE=laptop.key bowline status`,
      )
      .action((name: string, _o, command: Command) => createKey(io, name, command.optsWithGlobals())),
  );
  keys.addCommand(
    new Command('revoke')
      .description('Revoke a key for good; what is open with it ends within a second')
      .argument('<key>', 'id, as `keys ls` shows it')
      .option('--yes', 'do it')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
The key of a device is taken back by \`bowline devices suspend\` or \`bowline devices remove\`. The last owner key cannot be revoked.
A control plane does not start with an owner.key that is revoked: put another key in its place, or remove the file.

Examples:
  $ bowline keys revoke 4f1c09a6d2b7e835 --yes`,
      )
      .action((id: string, _o, command: Command) => revoke(io, id, command.optsWithGlobals())),
  );
  return keys;
}

async function list(io: CliIo, options: LsOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const kind = KINDS[options.kind ?? ''] ?? KeyKind.UNSPECIFIED;
  const keys = await using(controlSide(io, options), (control) => {
    const service = control.client(KeyService);
    return pages<Key>(
      options.limit,
      async (pageSize, pageToken) => {
        const page = await service.listKeys({ pageSize, pageToken, kind, all: options.all ?? false });
        return { items: page.keys, nextPageToken: page.nextPageToken };
      },
      io,
    );
  });
  if (options.json) return out.json(keys.map((key) => plain(KeySchema, key)));
  const rows = keys.map((key) => [
    key.id,
    kindText(key),
    stateText(key),
    timeText(key.createTime),
    key.name,
    notes(key),
  ]);
  out.table(['key', 'kind', 'state', 'made', 'name', ''], rows, 'no such keys');
}

const kindText = ({ kind }: Key): string => enumText(KeyKindSchema, kind).replace('_', ' ');
const stateText = ({ state }: Key): string => enumText(KeyStateSchema, state);

function notes(key: Key): string {
  if (key.own) return 'the one that you use now';
  if (key.kind === KeyKind.WORKER) return key.packages.join(', ');
  if (key.state === KeyState.USED) return `by device ${key.device}`;
  return key.expireTime && key.state === KeyState.VALID ? `until ${timeText(key.expireTime)}` : '';
}

async function createKey(io: CliIo, name: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const { id, key } = await using(controlSide(io, options), (control) =>
    control.client(KeyService).createOwnerKey({ name }),
  );
  const out = new Printer(io.stdout, io.env);
  if (options.json) return out.json({ id, name, key });
  out.line(key);
  new Printer(io.stderr, io.env).line(`whoever has this key may do all that you may; its id is ${id}`);
}

async function revoke(io: CliIo, id: string, options: GlobalOptions & { yes?: boolean; json?: boolean }) {
  if (!options.yes) {
    const what = `revoking ${id} cannot be undone: whoever uses it is refused, and what is open with it ends. Say --yes to do it`;
    throw new AppError('USAGE', { what });
  }
  const { key, revoked } = await using(controlSide(io, options), (control) =>
    control.client(KeyService).revokeKey({ id }),
  );
  if (options.json) return new Printer(io.stdout, io.env).json({ key: key ? plain(KeySchema, key) : null, revoked });
  const err = new Printer(io.stderr, io.env);
  if (!revoked) return err.line(`nothing to do: ${id} is ${key ? stateText(key) : 'gone'} already`);
  err.line(`${id} is revoked`);
  if (key?.own) err.line('you used it for this; use another one from now on (BOWLINE_OWNER_KEY_FILE)', 'yellow');
}
