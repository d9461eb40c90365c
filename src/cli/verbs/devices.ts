// The verb `devices`: lists the boxes that joined, makes the token with which another one does, takes one back.
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import {
  CreateJoinTokenResponseSchema,
  type Device,
  DeviceSchema,
  DeviceService,
  DeviceState,
  DeviceStateSchema,
} from '../../../gen/bowline/control/v1/device_service_pb.ts';
import { controlUrl } from '../../base/control-address.ts';
import { AppError } from '../../base/errors.ts';
import { controlSide, type GlobalOptions, type Side, using } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import { done } from '../done.ts';
import type { CliIo } from '../io.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { manifestText } from '../manifest-text.ts';
import { Printer } from '../output.ts';
import { ownersOutput } from '../owners-output.ts';
import { enumText, type PlainObject, plain } from '../plain.ts';
import { wholeId } from '../short-id.ts';
import type { Column } from '../table.ts';
import { parseAskTime, timeText } from '../units.ts';
import { listed } from '../watched-list.ts';

interface TokenOptions extends GlobalOptions {
  name?: string;
  url?: string;
  ttl?: number;
  json?: boolean;
}

type ActionOptions = GlobalOptions & { json?: boolean };

/** Devices among which a part of an id is looked up. */
const MOST_IDS = 10_000;

export function devicesVerb(io: CliIo): Command {
  const devices = new Command('devices').description(
    'List devices, let another one join, suspend, resume, adopt or remove one',
  );
  devices.addCommand(
    lsCommand('List devices by name', 100)
      .addHelpText('after', '\nExamples:\n  $ bowline devices ls\n  $ bowline devices ls --json')
      .action(listed(io, list)),
  );
  devices.addCommand(
    new Command('show')
      .description('Show one device')
      .argument('<device>', 'id or name')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        '\nExamples:\n  $ bowline devices show kitchen-pi\n  $ bowline devices show kitchen-pi --json',
      )
      .action((id: string, _o, command: Command) => show(io, id, command.optsWithGlobals())),
  );
  devices.addCommand(
    new Command('join-token')
      .description('Make a line with which one box joins, once')
      .option('--name <name>', 'name of the device; by default the device chooses it')
      .addOption(
        new Option('--url <url>', 'where the box reaches the control plane')
          .argParser(controlUrl)
          .default(undefined, 'the one that this command uses'),
      )
      .addOption(
        new Option('--ttl <time>', 'how long the line is valid, at most 24h')
          .argParser(parseAskTime)
          .default(undefined, '10m'),
      )
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        '\nExamples:\n  $ bowline devices join-token --name kitchen-pi\n  $ bowline devices join-token --url https://bowline.example:7420\n  then on the box: bowline edge --join, and paste the line',
      )
      .action((_o, command: Command) => joinToken(io, command.optsWithGlobals())),
  );
  devices.addCommand(
    new Command('adopt')
      .description(
        'Take back a device that is quarantined because its journal did not fit: a restored backup or a copy',
      )
      .argument('<device>', 'id or name')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        '\nIf two boxes have the same identity, first stop the one that must not go on.\n\nExamples:\n  $ bowline devices adopt kitchen-pi\n  then on the box: start its edge again',
      )
      .action((id: string, _o, command: Command) => adopt(io, id, command.optsWithGlobals())),
  );
  devices.addCommand(
    new Command('suspend')
      .description(
        'Keep a device out until it is resumed: its key is refused, its session ends, what it has to do waits',
      )
      .argument('<device>', 'id or name')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline devices suspend kitchen-pi')
      .action((id: string, _o, command: Command) => suspend(io, id, command.optsWithGlobals())),
  );
  devices.addCommand(
    new Command('resume')
      .description('Let a suspended device connect again; its edge does so by itself')
      .argument('<device>', 'id or name')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline devices resume kitchen-pi')
      .action((id: string, _o, command: Command) => resume(io, id, command.optsWithGlobals())),
  );
  devices.addCommand(
    new Command('remove')
      .description(
        'Forget a device: its key is refused, its session ends, and calls that it has not answered become unknown',
      )
      .argument('<device>', 'id or name')
      .option('--yes', 'do it')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        '\nIts runs stay, its name is free, and it comes back only by joining again.\n\nExamples:\n  $ bowline devices remove kitchen-pi --yes',
      )
      .action((id: string, _o, command: Command) => remove(io, id, command.optsWithGlobals())),
  );
  return devices;
}

async function remove(io: CliIo, id: string, options: ActionOptions & { yes?: boolean }): Promise<void> {
  if (!options.yes) {
    const what = `removing ${id} cannot be undone: it must join again, and calls it had not answered become unknown. Say --yes to do it`;
    throw new AppError('USAGE', { what });
  }
  const { name } = await using(controlSide(io, options), async (control) =>
    control.client(DeviceService).deleteDevice({ id: await deviceId(control, id) }),
  );
  done(io, options, `${name} is removed; to come back it joins again: bowline devices join-token`, { name });
}

async function show(io: CliIo, id: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const { device } = await using(controlSide(io, options), async (control) =>
    control.client(DeviceService).getDevice({ id: await deviceId(control, id) }),
  );
  if (!device) throw new AppError('NOT_FOUND', { kind: 'device' });
  const out = new Printer(io.stdout, io.env);
  if (options.json) return out.json(plain(DeviceSchema, device));
  out.line(`device     ${device.name}`);
  out.line(`id         ${device.id}`);
  out.line(`state      ${connectionText(device)}`);
  out.line(`joined     ${timeText(device.createTime)}`);
  if (device.lastSeenTime) out.line(`last seen  ${timeText(device.lastSeenTime)}`);
  const serves = manifestText(device.manifest);
  if (serves) out.line(`serves     ${serves}`);
}

async function suspend(io: CliIo, id: string, options: ActionOptions): Promise<void> {
  const { device, suspended } = await using(controlSide(io, options), async (control) =>
    control.client(DeviceService).suspendDevice({ id: await deviceId(control, id) }),
  );
  const name = device?.name || id;
  const back = `to let it back in: bowline devices resume ${name}`;
  if (!suspended) throw new AppError('NOTHING_TO_DO', { what: `${name} is suspended already; ${back}` });
  done(io, options, `${name} is suspended; ${back}`, deviceJson(device));
}

async function resume(io: CliIo, id: string, options: ActionOptions): Promise<void> {
  const { device, resumed } = await using(controlSide(io, options), async (control) =>
    control.client(DeviceService).resumeDevice({ id: await deviceId(control, id) }),
  );
  const name = device?.name || id;
  if (!resumed) throw new AppError('NOTHING_TO_DO', { what: `${name} is not suspended` });
  const next =
    device?.state === DeviceState.QUARANTINED
      ? `${name} is resumed, and quarantined as before; see: bowline devices adopt ${name}`
      : `${name} is resumed; its edge connects again by itself`;
  done(io, options, next, deviceJson(device));
}

async function adopt(io: CliIo, id: string, options: ActionOptions): Promise<void> {
  const { device, adopted } = await using(controlSide(io, options), async (control) =>
    control.client(DeviceService).adoptDevice({ id: await deviceId(control, id) }),
  );
  const name = device?.name || id;
  if (adopted) return done(io, options, `${name} is taken back; start its edge again`, deviceJson(device));
  throw new AppError('NOTHING_TO_DO', { what: `${name} is not quarantined; ${nextStep(device)}` });
}

const deviceJson = (device: Device | undefined): PlainObject => (device ? plain(DeviceSchema, device) : {});

/** What helps a device that is not quarantined. */
function nextStep(device: Device | undefined): string {
  if (device?.state === DeviceState.SUSPENDED)
    return `it is suspended; let it back in: bowline devices resume ${device.name}`;
  if (device?.connected)
    return 'an edge of it is connected. If that is the wrong one of two with one home, stop it and start the right one; adopt it if that is quarantined then';
  return 'it is away. Start its edge again, also if that says superseded; adopt it if it is quarantined then';
}

/** The id of a device that is called by a part of its id. A name is told to the control plane as it is. */
export const deviceId = (control: Side, typed: string): Promise<string> =>
  wholeId(typed, 'device', async () => {
    const devices = await listDevices(control, MOST_IDS);
    return devices.some(({ name }) => name === typed) ? [] : devices.map(({ id, name }) => ({ id, about: name }));
  });

/** All devices up to a limit. */
export async function listDevices(control: Side, limit: number, io?: CliIo): Promise<Device[]> {
  const service = control.client(DeviceService);
  return pages(
    limit,
    async (pageSize, pageToken) => {
      const { devices, nextPageToken } = await service.listDevices({ pageSize, pageToken });
      return { items: devices, nextPageToken };
    },
    io,
  );
}

async function list(io: CliIo, options: GlobalOptions & ListOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const devices = await using(controlSide(io, options), (control) => listDevices(control, options.limit, io));
  if (options.json) return out.json(devices.map((device) => plain(DeviceSchema, device)));
  const columns: Column<Device>[] = [
    { heading: 'device', text: ({ name }) => name, least: 12 },
    { heading: 'state', text: connectionText },
    timeColumn('last seen', ({ lastSeenTime }) => lastSeenTime, { leaves: 1 }),
    idColumn('id', ({ id }) => id, devices),
    { heading: 'serves', text: ({ manifest }) => manifestText(manifest), least: 12, leaves: 2 },
  ];
  out.table(columns, devices, {
    none: 'no devices; let one join with: bowline devices join-token',
    wide: options.wide,
  });
}

const connectionText = ({ state, connected }: Device): string =>
  state === DeviceState.SUSPENDED || state === DeviceState.QUARANTINED
    ? enumText(DeviceStateSchema, state)
    : connected
      ? 'connected'
      : 'away';

async function joinToken(io: CliIo, options: TokenOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  await using(controlSide(io, options), async (control) => {
    const created = await control.client(DeviceService).createJoinToken({
      name: options.name ?? '',
      ...(options.ttl === undefined ? {} : { ttl: durationFromMs(options.ttl) }),
    });
    const { token } = created;
    const url = options.url ?? control.where;
    const line = [url, token, options.name ?? ''].join(' ').trim();
    const expires = timeText(created.expireTime);
    ownersOutput(io);
    if (options.json) {
      const { expireTime = null } = plain(CreateJoinTokenResponseSchema, created);
      return out.json({ line, url, token, name: options.name ?? '', expireTime });
    }
    out.line(line);
    new Printer(io.stderr, io.env).line(
      `good for one box until ${expires}; there: bowline edge --join, then paste this line`,
    );
  });
}
