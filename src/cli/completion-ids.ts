// The ids that a shell offers where a verb takes one: what the two sides of this home have, while they are up. Without them there is nothing,
// and nothing is said.

import { RetrievalService } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { controlSide, type GlobalOptions, localSide, type Side, using } from './client.ts';
import type { ID_KINDS } from './completion-scripts.ts';
import type { CliIo } from './io.ts';
import { shortIds } from './short-id.ts';
import { UNTOLD } from './told-wait.ts';

/** Whoever pressed Tab waits. */
const LIMIT_MS = 1_000;
const MOST = 50;

/** Shells expand what they are given as words: only letters that none of them takes for a sign. */
const HARMLESS = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,127}$/u;

type Kind = (typeof ID_KINDS)[number];
type ListIds = (side: Side) => Promise<readonly string[]>;

const page = { pageSize: MOST };
const limit = { timeoutMs: LIMIT_MS };
const ON_CONTROL: Readonly<Partial<Record<Kind, ListIds>>> = {
  run: async (side) => (await side.client(RunService).listRuns(page, limit)).runs.map(({ id }) => id),
  conversation: async (side) =>
    (await side.client(ConversationService).listConversations(page, limit)).conversations.map(({ id }) => id),
  device: async (side) => (await side.client(DeviceService).listDevices(page, limit)).devices.map(({ name }) => name),
  collection: async (side) =>
    (await side.client(RetrievalService).listCollections(page, limit)).collections.map(({ name }) => name),
};
const ON_EDGE: Partial<Record<Kind, ListIds>> = {
  run: async (side) => (await side.client(LocalService).listQueue({}, limit)).asks.map(({ run }) => run),
  approval: async (side) => (await side.client(LocalService).listApprovals(page, limit)).approvals.map(({ id }) => id),
};

/** Short ones as lists show them; whole ones where the begin of one is typed. Never rejects. */
export async function completionIds(
  given: CliIo,
  options: GlobalOptions,
  kind: Kind,
  begun: string,
): Promise<string[]> {
  const io = { ...given, waitsOn: UNTOLD };
  const all = new Set<string>();
  const from = async (open: () => Side, list: ListIds | undefined) => {
    if (list) for (const id of await using(open(), list)) if (HARMLESS.test(id)) all.add(id);
  };
  const asked = Promise.allSettled([
    from(() => localSide(io, options), ON_EDGE[kind]),
    from(() => controlSide(io, options), ON_CONTROL[kind]),
  ]);
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([asked, new Promise((resolve) => (timer = setTimeout(resolve, LIMIT_MS)))]);
  clearTimeout(timer);
  const short = [...shortIds([...all]).values()].filter((id) => id.startsWith(begun));
  return short.length > 0 ? short : [...all].filter((id) => id.startsWith(begun));
}
