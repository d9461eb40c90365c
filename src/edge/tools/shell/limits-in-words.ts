// What keeps a command apart and what it may use, a line each, as the owner is shown it. Pure.
import type { ExecuteEntry } from '../../config/edge-config.ts';
import type { EdgeLimits } from '../../config/edge-settings.ts';
import type { CommandIsolation } from './isolation.ts';

/**
 * @param seen real paths of what it is shown beside the system, in bubblewrap
 * @param unwritable why it can change nothing in its folders; empty when it can
 */
export function limitsInWords(
  entry: ExecuteEntry,
  isolation: CommandIsolation | undefined,
  limits: EdgeLimits,
  seen: readonly string[],
  unwritable = '',
): string[] {
  return [
    ...apart(entry, isolation, limits, seen, unwritable),
    entry.network || !isolation ? 'may use the network' : 'no network',
    ...bounds(isolation, limits),
    `at most ${limits.command_seconds} s and ${limits.command_output_bytes} bytes of output`,
    ...(changesAtOnce(entry, isolation) ? ['undo cannot take back what it changes'] : []),
    entry.output === 'share' ? 'what it prints goes to who asked' : 'what it prints stays on this device',
  ];
}

/** Whether it changes files that stay, and not on a copy first. */
const changesAtOnce = ({ writes, preview }: ExecuteEntry, isolation: CommandIsolation | undefined): boolean =>
  isolation?.kind === 'bubblewrap' ? writes.length > 0 && !preview : true;

function apart(
  { writes }: ExecuteEntry,
  isolation: CommandIsolation | undefined,
  limits: EdgeLimits,
  seen: readonly string[],
  unwritable: string,
): string[] {
  if (!isolation) return ['not kept apart: it runs as Bowline itself, and reaches all that Bowline reaches'];
  if (isolation.kind === 'user') {
    const processes = isolation.namespaces ? 'sees no other process' : 'sees other processes';
    return [`runs as a user of its own: reads and writes what anyone on this device may, ${processes}`];
  }
  return [
    'in bubblewrap: sees the system’s programs and what is named here, and no other process',
    ...seen.map((path) => (writes.includes(path) && !unwritable ? `reads and changes ${path}` : `reads ${path}`)),
    ...(unwritable && writes.length > 0
      ? [`can change nothing it was given to change: ${unwritable}; chown to one other user mends that`]
      : []),
    `writes ${writes.length > 0 ? 'beside that' : 'nothing but'} a folder in memory of at most ${limits.command_disk_bytes} bytes, which goes with it`,
  ];
}

const bounds = (isolation: CommandIsolation | undefined, limits: EdgeLimits): string[] =>
  isolation
    ? [`at most ${limits.command_processes} processes, each with ${limits.command_memory_bytes} bytes of memory`]
    : ['no limit on its processes and memory'];
