// What memory each process of a running `up` takes, as its own status tells of its children.
import { createClient, type Transport } from '@connectrpc/connect';
import { StatusService } from '../../../gen/bowline/control/v1/status_service_pb.ts';
import { residentMb } from '../../../test/support/resident-memory.ts';

/** Resident megabytes of the control plane, whose process id this is, and of its children, by name. */
export async function residentOfUp(transport: Transport, pid: number): Promise<ReadonlyMap<string, number>> {
  const { children } = await createClient(StatusService, transport).getStatus({});
  return new Map([
    ['control plane', residentMb(pid)],
    ...children.map((child): [string, number] => [child.name, Number(child.residentBytes) / 2 ** 20]),
  ]);
}

export const together = (all: ReadonlyMap<string, number>): number =>
  [...all.values()].reduce((one, other) => one + other, 0);
