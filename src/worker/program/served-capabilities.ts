// How to load each capability: a worker loads only what it serves.
import type { OpenCapability } from '../kit/capability.ts';
import type { CapabilityName } from './capability-names.ts';
import type { WorkerSettings } from './settings.ts';

export const CAPABILITIES: Readonly<Record<CapabilityName, () => Promise<OpenCapability<WorkerSettings>>>> = {
  embed: async () => (await import('../handlers/embed/open-embed.ts')).openEmbed,
  llm: async () => (await import('../handlers/llm/open-llm.ts')).openLlm,
  retrieval: async () => (await import('../handlers/retrieval/open-retrieval.ts')).openRetrieval,
  sandbox: async () => (await import('../handlers/sandbox/open-sandbox.ts')).openSandbox,
  web: async () => (await import('../handlers/web/open-web.ts')).openWeb,
};
