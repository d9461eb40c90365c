// The verb `keys`: lists keys of owners and workers and join tokens, makes owner keys, and revokes any of them.
import type { Client } from '@connectrpc/connect';
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
import { BESIDE_CONTROL } from '../../base/beside-control.ts';
import { AppError } from '../../base/errors.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import type { CliIo } from '../io.ts';
import { allPages, type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { ownersOutput } from '../owners-output.ts';
import { enumText, plain } from '../plain.ts';
import { wholeId } from '../short-id.ts';
import type { Column } from '../table.ts';
import { timeText } from '../units.ts';
import { listed } from '../watched-list.ts';

interface LsOptions extends GlobalOptions, ListOptions {
  all?: boolean;
  kind?: string;
}

interface RevokeOptions extends GlobalOptions {
  yes?: boolean;
  stopWorker?: boolean;
  json?: boolean;
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
      .action(listed(io, list)),
  );
  keys.addCommand(
    new Command('create')
      .description('Make another owner key of the control plane, with all rights of one; it is shown once')
      .argument('<name>', 'name by which you know it')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
The key is for the control plane: it does not open the socket of a box (ask, chat, egress), which takes the owner.key of its home.
Keys of workers are made by \`bowline workers create-key NAME --package llm\`, join tokens by \`bowline devices join-token\`.

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
      .option('--stop-worker', 'do it also to the key of the worker beside the control plane')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
The key of a device is taken back by \`bowline devices suspend DEVICE\` or \`bowline devices remove DEVICE\`. The last owner key cannot be revoked.
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
  const columns: Column<Key>[] = [
    idColumn('key', ({ id }) => id, keys),
    { heading: 'kind', text: kindText },
    { heading: 'state', text: stateText },
    timeColumn('made', ({ createTime }) => createTime, { leaves: 2 }),
    { heading: 'name', text: ({ name }) => name, least: 10 },
    { heading: 'note', text: notes, least: 10, leaves: 1 },
  ];
  out.table(columns, keys, { none: 'no such keys', wide: options.wide });
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
  ownersOutput(io);
  if (options.json) return out.json({ id, name, key });
  out.line(key);
  new Printer(io.stderr, io.env).line(`whoever has this key may do all that you may; its id is ${id}`);
}

async function revoke(io: CliIo, typed: string, options: RevokeOptions): Promise<void> {
  if (!options.yes) {
    const what = `revoking ${typed} cannot be undone: whoever uses it is refused, and what is open with it ends. Say --yes to do it`;
    throw new AppError('USAGE', { what });
  }
  const { id, key, revoked } = await using(controlSide(io, options), async (control) => {
    const service = control.client(KeyService);
    const id = await keyId(service, typed);
    if (!options.stopWorker) await mustNotBeBeside(service, id);
    return { id, ...(await service.revokeKey({ id })) };
  });
  if (!revoked) throw new AppError('NOTHING_TO_DO', { what: `${id} is ${key ? stateText(key) : 'gone'} already` });
  if (options.json) return new Printer(io.stdout, io.env).json({ key: key ? plain(KeySchema, key) : null, revoked });
  const err = new Printer(io.stderr, io.env);
  err.line(`${id} is revoked`);
  if (isBeside(key)) err.line(ANOTHER, 'yellow');
  if (key?.own) err.line('you used it for this; use another one from now on (BOWLINE_OWNER_KEY_FILE)', 'yellow');
}

const isBeside = (key: Key | undefined): boolean => key?.kind === KeyKind.WORKER && key.name === BESIDE_CONTROL;

const ANOTHER =
  'the worker beside the control plane has no key now; it gets another one when you stop `bowline up` (or `bowline control`) and start it again';

/** The id of the key that a part of one means. */
const keyId = (service: Client<typeof KeyService>, typed: string): Promise<string> =>
  wholeId(typed, 'key', async () => {
    const keys = await allPages<Key>(async (pageToken) => {
      const page = await service.listKeys({ pageSize: 500, pageToken, all: true });
      return { items: page.keys, nextPageToken: page.nextPageToken };
    });
    return keys.map((key) => ({ id: key.id, about: `${kindText(key)} ${key.name}` }));
  });

/** Throws USAGE for the key without which nothing is answered here. */
async function mustNotBeBeside(service: Client<typeof KeyService>, id: string): Promise<void> {
  const keys = await allPages<Key>(async (pageToken) => {
    const page = await service.listKeys({ pageSize: 500, pageToken, kind: KeyKind.WORKER });
    return { items: page.keys, nextPageToken: page.nextPageToken };
  });
  if (!keys.some((key) => key.id === id && isBeside(key))) return;
  const what = `${id} is the key of the worker beside the control plane: without it no model answers here until the control plane is started again. Say --yes --stop-worker to do it`;
  throw new AppError('USAGE', { what });
}
