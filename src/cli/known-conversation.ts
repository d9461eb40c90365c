// The conversation that `-c` names, by its id or a part of that, and whether it exists, as far as it can be told now. Without it a mistyped
// id would begin another one.
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { AppError } from '../base/errors.ts';
import { controlSide, type GlobalOptions, type Side, using } from './client.ts';
import { conversationId } from './find-id.ts';
import type { CliIo } from './io.ts';
import { sensitiveConversation } from './sensitive-turns.ts';
import { wholeId } from './short-id.ts';
import { listQueue } from './verbs/queue.ts';

/** The box asks while the control plane is away, too; it is not waited for. */
const LIMIT_MS = 3_000;

/** Its whole id. Throws NOT_FOUND when the control plane does not know the conversation and no ask of it waits on the box. */
export async function knownConversation(io: CliIo, options: GlobalOptions, edge: Side, typed: string): Promise<string> {
  // The control plane is never asked about one that it must not know.
  const sensitive = await sensitiveConversation(edge, typed);
  if (sensitive !== undefined) return sensitive;
  const { id, unknown } = await askedThere(io, options, typed);
  if (id !== typed || !unknown) return id;
  const asks = await listQueue(edge);
  const here = await wholeId(typed, 'conversation', async () =>
    asks.map(({ conversation, text }) => ({ id: conversation, about: text.slice(0, 60) })),
  );
  if (!asks.some(({ conversation }) => conversation === here)) throw unknown;
  return here;
}

/** Its id, and the refusal when the control plane says that there is none; anything else tells nothing. */
async function askedThere(
  io: CliIo,
  options: GlobalOptions,
  typed: string,
): Promise<{ id: string; unknown?: AppError }> {
  let id = typed;
  try {
    await using(controlSide(io, options), async (control) => {
      id = await conversationId(control, typed);
      await control.client(ConversationService).getConversation({ id }, { timeoutMs: LIMIT_MS });
    });
  } catch (error) {
    if (error instanceof AppError && error.reason === 'NOT_FOUND') return { id, unknown: error };
    // What means several is asked back.
    if (error instanceof AppError && error.reason === 'USAGE') throw error;
  }
  return { id };
}
