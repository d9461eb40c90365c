// The verb `owners`: pairs keys of the owner on other machines with this box, lists them, removes one; and joins from the other machine.
import { hostname } from 'node:os';
import { Command } from 'commander';
import { OwnerService, type PairedOwner, PairedOwnerSchema } from '../../../gen/bowline/local/v1/owners_pb.ts';
import { AppError } from '../../base/errors.ts';
import { toAppError } from '../../contract/errors.ts';
import { controlSide, type GlobalOptions, homeOf, localSide, type Side, using } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import { done } from '../done.ts';
import type { CliIo } from '../io.ts';
import { LineReader } from '../line-reader.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { telling } from '../told-wait.ts';
import { timeText } from '../units.ts';
import { listed } from '../watched-list.ts';

type Options = GlobalOptions & { json?: boolean };

export function ownersVerb(io: CliIo): Command {
  const owners = new Command('owners').description(
    'Pair another machine, so that approvals of this box can be answered there; list paired keys, remove one',
  );
  owners.addCommand(
    new Command('pair')
      .description(
        'On the box: show a code for one other machine, wait for it, and pair it when both show the same words',
      )
      .addHelpText(
        'after',
        `
The code is good for ten minutes and one machine. The control plane carries what both say, and can neither read it nor take part.

Examples:
  $ bowline owners pair
  then on the other machine: bowline owners join, and type the code`,
      )
      .action((_o, command: Command) => pair(io, command.optsWithGlobals())),
  );
  owners.addCommand(
    new Command('join')
      .description('On the other machine: type the code that `owners pair` shows on the box')
      .option('--name <name>', 'what the box calls this machine; by default its host name')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
It calls the control plane of the box with an owner key of it (make one with \`bowline keys create NAME\`), makes keys of its own, and keeps them
in its home. The code is read from a prompt or from standard input, never from the command line.

Examples:
  $ BOWLINE_OWNER_KEY_FILE=laptop.key bowline owners join --control https://bowline.example:7420`,
      )
      .action((_o, command: Command) => join(io, command.optsWithGlobals())),
  );
  owners.addCommand(
    lsCommand('List the keys that may answer approvals of this box')
      .addHelpText('after', '\nExamples:\n  $ bowline owners ls\n  $ bowline owners ls --json')
      .action(listed(io, list)),
  );
  owners.addCommand(
    new Command('rm')
      .description('Remove a key at once: nothing is sealed for it any more, and no answer of it counts')
      .argument('<owner>', 'id or name')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline owners rm laptop')
      .action((id: string, _o, command: Command) => remove(io, id, command.optsWithGlobals())),
  );
  return owners;
}

async function pair(io: CliIo, options: Options): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const err = new Printer(io.stderr, io.env);
  const lines = new LineReader(io);
  try {
    await using(localSide(io, options), async (edge) => {
      const stream = edge.client(OwnerService).pairOwner({})[Symbol.asyncIterator]();
      const next = () => stream.next();
      let asking: Promise<void> | undefined;
      // While the owner is asked, nobody else writes where the answer is typed but what must be known for it.
      const waited = () => (asking ? next() : telling(io, 'waiting for the other machine', next));
      for (let each = await next(); !each.done; each = await waited()) {
        const { event } = each.value;
        if (event.case === 'code') {
          const { code, expireTime, connected } = event.value;
          out.line(code, 'bold');
          err.line(`good until ${timeText(expireTime)}; type it on the other machine, after: bowline owners join`);
          if (!connected)
            err.line('this box is not connected to its control plane now, so nobody can reach it', 'yellow');
        } else if (event.case === 'joined') {
          const { id, name, words } = event.value;
          err.quoted(`${name} knows the code. It must show the same six words:`);
          err.line(`  ${words}`, 'bold');
          asking = confirm(edge, lines, err, id);
        } else if (event.case === 'refused') err.quoted(event.value, 'yellow');
        else if (event.case === 'ended') throw new AppError('PAIRING_ENDED', { why: event.value });
        else if (event.case === 'paired') err.quoted(`paired: ${event.value.name} (${event.value.id})`, 'green');
      }
      await asking;
    });
  } finally {
    lines.close();
  }
}

async function confirm(edge: Side, lines: LineReader, err: Printer, id: string): Promise<void> {
  if (!err.isTTY) err.line('are they the same? y or n');
  const typed = (await lines.next('are they the same? [y/N] '))?.trim().toLowerCase() ?? '';
  try {
    await edge.client(OwnerService).confirmOwner({ id, same: typed === 'y' || typed === 'yes' });
  } catch (error) {
    // Where the pairing ended meanwhile, the stream says why.
    err.quoted(toAppError(error).message, 'yellow');
  }
}

async function join(io: CliIo, options: Options & { name?: string }): Promise<void> {
  const err = new Printer(io.stderr, io.env);
  const { paired: file } = homeOf(io, options);
  const code = await typedCode(io);
  const { joinBox } = await import('../owners/join-box.ts');
  const box = await using(controlSide(io, options), (control) =>
    telling(io, 'waiting for the box, and for your yes there', () =>
      joinBox({
        control,
        file,
        code,
        name: options.name ?? (hostname().split('.')[0] || 'machine'),
        compare: (words, { deviceName }) => {
          err.quoted(`${deviceName} knows the code. It must show the same six words:`);
          err.line(`  ${words}`, 'bold');
          err.line('say yes or no there');
        },
      }),
    ),
  );
  const { device, deviceName, name, key } = box;
  done(io, options, `paired with ${deviceName}; it calls this machine ${name}. See: bowline approvals ls`, {
    device,
    deviceName,
    name,
    key,
  });
}

async function typedCode(io: CliIo): Promise<string> {
  const lines = new LineReader(io);
  try {
    return (await lines.next('code that the box shows: ')) ?? '';
  } finally {
    lines.close();
  }
}

async function list(io: CliIo, options: ListOptions & GlobalOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const owners = await using(localSide(io, options), (edge) => {
    const service = edge.client(OwnerService);
    return pages(
      options.limit,
      async (pageSize, pageToken) => {
        const page = await service.listOwners({ pageSize, pageToken });
        return { items: page.owners, nextPageToken: page.nextPageToken };
      },
      io,
    );
  });
  if (options.json) return out.json(owners.map((owner) => plain(PairedOwnerSchema, owner)));
  const columns: Column<PairedOwner>[] = [
    idColumn('key', ({ id }) => id, owners),
    timeColumn('paired', ({ createTime }) => createTime),
    { heading: 'name', text: ({ name }) => name, least: 10 },
  ];
  out.table(columns, owners, { none: 'no key is paired with this box', wide: options.wide });
}

async function remove(io: CliIo, id: string, options: Options): Promise<void> {
  const { owner } = await using(localSide(io, options), (edge) => edge.client(OwnerService).removeOwner({ id }));
  if (!owner) return;
  done(
    io,
    options,
    `removed ${owner.name} (${owner.id}); nothing that it says counts any more`,
    plain(PairedOwnerSchema, owner),
  );
}
