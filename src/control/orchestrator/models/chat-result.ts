// What a model said, read from the recorded responses of a Chat job. Model output is untrusted: what cannot be read is no
// answer. Whether its tool calls are allowed is judged elsewhere.
import {
  ChatResponseSchema,
  type ToolCall as ChatToolCall,
  type Finish,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { decode } from '../../../contract/wire-meter.ts';

export interface ChatResult {
  readonly text: string;
  readonly toolCalls: readonly ChatToolCall[];
  readonly finish: Finish;
}

const read = new WeakMap<readonly Uint8Array[], ChatResult>();

/** The answer of a Chat job, or what is wrong with it. Read once per recorded list of messages. */
export function chatResult(messages: readonly Uint8Array[]): ChatResult | { readonly problem: string } {
  const known = read.get(messages);
  if (known) return known;
  let text = '';
  const toolCalls: ChatToolCall[] = [];
  let finish: Finish | undefined;
  for (const bytes of messages) {
    const message = parse(bytes);
    const event = message?.event;
    // Of a newer worker: what is not known here is no part of the answer.
    if (message?.$unknown?.length && event?.case === undefined) continue;
    if (!event?.case) return { problem: 'a message of its answer cannot be read' };
    if (finish) return { problem: 'something came after its end' };
    if (event.case === 'text') text += event.value.text;
    else if (event.case === 'toolCall') toolCalls.push(event.value);
    else if (event.case === 'finish') finish = event.value;
  }
  if (!finish) return { problem: 'its answer has no end' };
  const result = { text, toolCalls, finish };
  read.set(messages, result);
  return result;
}

function parse(bytes: Uint8Array) {
  try {
    return decode(ChatResponseSchema, bytes);
  } catch {
    return undefined;
  }
}
