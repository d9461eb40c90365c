// The built-in rules as a model among the others.
import { RULES_INFO, rulesChat } from '../../../rules/rules-chat.ts';
import type { ChatDriver } from './chat-driver.ts';

/** The rules model. It needs no key, no network and no memory. */
export const rulesDriver: ChatDriver = {
  info: RULES_INFO,
  chat: (request, { signal }) => rulesChat(request, signal),
};
