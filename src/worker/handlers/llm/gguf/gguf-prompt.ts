// Turns a ChatRequest into what chat templates of local models take: each tool call stands with its result, in the model's turn.
import { type ChatRequest, type Message, Role } from '../../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { textOf } from '../../../../rules/transcript.ts';
import type { LlamaFunctionCall, LlamaMessage, LlamaTool } from '../../../llama/llama-messages.ts';

/** The conversation, which ends with the turn of the model that is to be written. */
export function ggufMessages(request: ChatRequest): LlamaMessage[] {
  const results = new Map(
    request.messages
      .filter((message) => message.role === Role.TOOL)
      .map((message) => [message.toolCallId, textOf(message)]),
  );
  const messages: LlamaMessage[] = [];
  for (const message of request.messages) {
    if (message.role === Role.TOOL) continue;
    const text = textOf(message);
    if (message.role === Role.ASSISTANT) {
      const parts = [...(text === '' ? [] : [text]), ...message.toolCalls.map((call) => callOf(call, results))];
      const last = messages.at(-1);
      // Several steps of one turn are one turn.
      if (last?.type === 'model')
        messages[messages.length - 1] = { type: 'model', response: [...last.response, ...parts] };
      else messages.push({ type: 'model', response: parts });
    } else messages.push({ type: message.role === Role.SYSTEM ? 'system' : 'user', text: text || '(empty)' });
  }
  if (messages.at(-1)?.type !== 'model') messages.push({ type: 'model', response: [] });
  return messages;
}

function callOf(call: Message['toolCalls'][number], results: ReadonlyMap<string, string>): LlamaFunctionCall {
  const result = results.get(call.id) ?? '{"error":{"reason":"NO_RESULT"}}';
  return { type: 'functionCall', name: call.name, params: parsed(call.argumentsJson), result: parsed(result) };
}

/** The offered tools. */
export function ggufTools(request: ChatRequest): LlamaTool[] {
  return request.tools.map(({ name, description, parametersJson }) => ({
    name,
    description,
    params: parametersJson === '' ? { type: 'object', properties: {} } : parsed(parametersJson),
  }));
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
