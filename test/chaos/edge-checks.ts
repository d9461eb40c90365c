// What must hold at the edges of a site when all is quiet: sound journals, empty queues, no command that was cancelled.
import { createClient } from '@connectrpc/connect';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Fault } from './plan.ts';
import { commandLines } from './processes.ts';
import { napArgv } from './programs.ts';
import type { Site } from './site.ts';

/** Journals that are not sound, and asks that are still queued. */
export async function journals(site: Site): Promise<string[]> {
  const wrong: string[] = [];
  for (let edge = 1; edge <= site.edges; edge++) {
    const checked = await site
      .edge(edge, async (transport) => {
        const client = createClient(LocalService, transport);
        const [{ ok, problem }, { asks }] = [await client.verifyJournal({}), await client.listQueue({})];
        const { approvals } = await client.listApprovals({});
        return [
          ...(ok ? [] : [`its journal: ${problem}`]),
          ...asks.map(({ run }) => `it still queues ${run}`),
          ...approvals.map(({ job }) => `it still asks about ${job}`),
        ];
      })
      .catch((error: unknown) => [String(error)]);
    wrong.push(...checked.map((what) => `edge-${edge}: ${what}`));
  }
  return wrong;
}

/** Processes of long commands, with the edge that began each. */
export function nappers(site: Site): Map<number, number> {
  const found = new Map<number, number>();
  for (const [pid, words] of commandLines()) {
    for (let edge = 1; edge <= site.edges; edge++) {
      if (words === napArgv(site.edgeStack(edge)).join(' ')) found.set(pid, edge);
    }
  }
  return found;
}

/** Cancelled commands that still run. An edge that was killed can stop nothing of what it began. */
export function naps(site: Site, struck: readonly Fault[], before: ReadonlySet<number>): string[] {
  // To be filled, a journal is taken from its edge by a kill.
  const kills = struck.filter(({ kind }) => kind === 'kill' || kind === 'full');
  const killed = new Set(kills.map(({ target }) => target));
  const left = [...nappers(site)].filter(([pid, edge]) => !before.has(pid) && !killed.has(`edge-${edge}`));
  return left.map(([pid, edge]) => `edge-${edge}: a cancelled command still runs (${pid})`);
}
