// Turns a ChatRequest into what the AI SDK sends: instructions, messages, tools without execution.
import type { JSONValue, ModelMessage, ToolSet } from 'ai';
import { type ChatRequest, type Message, Role } from '../../../../../gen/bowline/capability/llm/v1/llm_pb.ts';

export interface Prompt {
  readonly instructions: string;
  readonly messages: ModelMessage[];
}

/** Instructions first, then the conversation. Instructions that come late in it are kept where they stand, as the owner's. */
export function promptOf(request: ChatRequest): Prompt {
  const start = request.messages.findIndex((message) => message.role !== Role.SYSTEM);
  const rest = start < 0 ? [] : request.messages.slice(start);
  const first = start < 0 ? request.messages : request.messages.slice(0, start);
  const messages: ModelMessage[] = [];
  for (const message of rest) {
    const last = messages.at(-1);
    if (message.role === Role.TOOL) {
      // All answers to one message of the model stand together; some providers insist.
      const results = toolResult(message);
      if (last?.role === 'tool') last.content.push(results);
      else messages.push({ role: 'tool', content: [results] });
    } else if (message.role === Role.ASSISTANT) messages.push(assistant(message));
    else messages.push({ role: 'user', content: textOf(message) || '(empty)' });
  }
  return { instructions: first.map(textOf).join('\n\n'), messages };
}

function assistant(message: Message): ModelMessage {
  const text = textOf(message);
  const calls = message.toolCalls.map((call) => ({
    type: 'tool-call' as const,
    toolCallId: call.id,
    toolName: call.name,
    input: argumentsOf(call.argumentsJson),
  }));
  return { role: 'assistant', content: [...(text === '' ? [] : [{ type: 'text' as const, text }]), ...calls] };
}

const toolResult = (message: Message) => ({
  type: 'tool-result' as const,
  toolCallId: message.toolCallId,
  toolName: message.toolName,
  output: { type: 'text' as const, value: textOf(message) },
});

const textOf = (message: Message): string =>
  message.parts.map(({ part }) => (part.case === 'text' ? part.value : '')).join('\n');

/** Arguments as the model wrote them; an object is what providers take back. */
function argumentsOf(json: string): JSONValue {
  try {
    const value = JSON.parse(json) as JSONValue;
    return typeof value === 'object' && value !== null ? value : { value };
  } catch {
    return { invalid: json };
  }
}

/** The offered tools. They have no `execute`: who runs them is decided elsewhere. */
export async function toolsOf(request: ChatRequest): Promise<ToolSet> {
  const { jsonSchema, tool } = await import('ai');
  return Object.fromEntries(
    request.tools.map(({ name, description, parametersJson }) => [
      name,
      tool({ description, inputSchema: jsonSchema(schemaOf(parametersJson)) }),
    ]),
  );
}

function schemaOf(json: string): Parameters<typeof import('ai')['jsonSchema']>[0] {
  const open = { type: 'object' as const, properties: {} };
  if (json === '') return open;
  try {
    return JSON.parse(json) as typeof open;
  } catch {
    return open;
  }
}
