// Joins consecutive text pieces of a chat, for a stream that is slower than the model and for the stored result.
import { create, isMessage, type Message } from '@bufbuild/protobuf';
import { ChatResponseSchema } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';

/** Characters of one text piece that the contract allows. */
const MAX_PIECE = 1 << 20;

/** Two pieces of text, or of thoughts, as one; undefined for anything else, or where the contract has no room for the sum. */
export function joinText(last: Message, next: Message): Message | undefined {
  if (!isMessage(last, ChatResponseSchema) || !isMessage(next, ChatResponseSchema)) return undefined;
  const [a, b] = [last.event, next.event];
  if ((a.case !== 'text' && a.case !== 'reasoning') || a.case !== b.case) return undefined;
  const text = a.value.text + b.value.text;
  return text.length > MAX_PIECE ? undefined : create(ChatResponseSchema, { event: { case: a.case, value: { text } } });
}
