// What the box holds of sensitive conversations, for the verbs that show runs and conversations. The control plane is never asked.

import {
  type RunEvent as LocalRunEvent,
  LocalService,
  type SensitiveTurn,
} from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { isSensitiveId } from '../base/ids.ts';
import { type GlobalOptions, localSide, type Side, using } from './client.ts';
import type { CliIo } from './io.ts';
import { allPages } from './listing.ts';
import { wholeId } from './short-id.ts';

/** Whole turns of a conversation, or without one the beginnings of all. None where no edge of this version runs here. */
export async function sensitiveTurns(edge: Side, conversation = ''): Promise<SensitiveTurn[]> {
  try {
    const local = edge.client(LocalService);
    return await allPages(async (pageToken) => {
      const { turns, nextPageToken } = await local.listSensitive({ conversation, pageToken });
      return { items: turns, nextPageToken };
    });
  } catch {
    return [];
  }
}

/** The whole id of a sensitive conversation that a part of it means; undefined where it means none. */
export async function sensitiveConversation(edge: Side, typed: string): Promise<string | undefined> {
  if (isSensitiveId(typed)) return typed;
  const id = await wholeId(typed, 'conversation', async () =>
    (await sensitiveTurns(edge)).map(({ conversation, text }) => ({ id: conversation, about: text })),
  );
  return isSensitiveId(id) ? id : undefined;
}

/** The whole id of a sensitive run that a part of it means; undefined where it means none, or the box cannot say. */
export async function sensitiveRun(io: CliIo, options: GlobalOptions, typed: string): Promise<string | undefined> {
  if (isSensitiveId(typed)) return typed;
  return using(localSide(io, options), async (edge) => {
    const id = await wholeId(typed, 'run', async () =>
      (await sensitiveTurns(edge)).map(({ run, text }) => ({ id: run, about: text })),
    );
    return isSensitiveId(id) ? id : undefined;
  });
}

/** The events of a sensitive run, from the box. */
export async function* sensitiveEvents(
  io: CliIo,
  options: GlobalOptions,
  run: string,
  signal: AbortSignal,
): AsyncGenerator<LocalRunEvent['event']> {
  const edge = localSide(io, options);
  try {
    for await (const { event } of edge.client(LocalService).follow({ run }, { signal })) if (event) yield event.event;
  } finally {
    edge.close();
  }
}

/** One turn, whole. Throws NOT_FOUND. */
export async function sensitiveTurn(edge: Side, run: string): Promise<SensitiveTurn> {
  const conversation = (await sensitiveTurns(edge)).find((turn) => turn.run === run)?.conversation;
  const turns = conversation === undefined ? [] : await sensitiveTurns(edge, conversation);
  const turn = turns.find((each) => each.run === run);
  if (!turn) throw new AppError('NOT_FOUND', { kind: 'run on this box' });
  return turn;
}
