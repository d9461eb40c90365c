// Whether the conversation that `-c` names exists, as far as it can be told now. Without it a mistyped id would begin another one.
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { AppError } from '../base/errors.ts';
import { controlSide, type GlobalOptions, type Side, using } from './client.ts';
import type { CliIo } from './io.ts';
import { listQueue } from './verbs/queue.ts';

/** The box asks while the control plane is away, too; it is not waited for. */
const LIMIT_MS = 3_000;

/** Throws NOT_FOUND when the control plane does not know the conversation and no ask of it waits on the box. */
export async function mustBeKnown(io: CliIo, options: GlobalOptions, edge: Side, id: string): Promise<void> {
  const unknown = await absent(io, options, id);
  if (!unknown) return;
  const asks = await listQueue(edge);
  if (!asks.some(({ conversation }) => conversation === id)) throw unknown;
}

/** The refusal, when the control plane says that there is none; anything else tells nothing. */
async function absent(io: CliIo, options: GlobalOptions, id: string): Promise<AppError | undefined> {
  try {
    await using(controlSide(io, options), (control) =>
      control.client(ConversationService).getConversation({ id }, { timeoutMs: LIMIT_MS }),
    );
  } catch (error) {
    if (error instanceof AppError && error.reason === 'NOT_FOUND') return error;
  }
  return undefined;
}
