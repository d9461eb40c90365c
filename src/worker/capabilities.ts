// The capabilities that a worker of this build can serve, by their short names, each with how to load it: a worker loads
// only what it serves.
import type { OpenCapability } from './capability.ts';

export const CAPABILITIES = {
  embed: async () => (await import('./handlers/embed/open-embed.ts')).openEmbed,
  llm: async () => (await import('./handlers/llm/open-llm.ts')).openLlm,
  sandbox: async () => (await import('./handlers/sandbox/open-sandbox.ts')).openSandbox,
} as const satisfies Record<string, () => Promise<OpenCapability>>;

export type CapabilityName = keyof typeof CAPABILITIES;

export const SERVABLE = Object.keys(CAPABILITIES) as CapabilityName[];
