// Who answers on this box: the rules, or a model that the owner named. Neither sees anything but what it is given here.
import type { ChatRequest, ChatResponse } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { LocalModelEntry } from '../config/local-model-entry.ts';

export interface Answerer {
  readonly info: ModelInfo;
  /** Who it is, in words, e.g. `rules on this box`. */
  readonly called: string;
  /** What it is told of a tool beside its name. Absent for the rules, which know tools by name and need no instructions. */
  readonly describe?: (method: CapabilityMethod) => { readonly description: string; readonly parametersJson: string };
  /** Text pieces and tool calls, then one finish. */
  chat(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatResponse>;
}

/** What a model on this box is called. */
export const localModelCalled = ({ url, model }: LocalModelEntry): string =>
  `${model} at ${new URL(url).host} on this box`;

/** What the rules are called; known before they are loaded. */
export const RULES_CALLED = 'rules on this box';

/** The rules, loaded when they are first asked. */
export async function rulesAnswerer(): Promise<Answerer> {
  const { RULES_INFO, rulesChat } = await import('../../rules/rules-chat.ts');
  return { info: RULES_INFO, called: RULES_CALLED, chat: rulesChat };
}
