// The capabilities that a worker of this build can serve, by their short names, each with how to load it: a worker loads
// only what it serves.
import { AppError } from '../../base/errors.ts';
import type { OpenCapability } from '../kit/capability.ts';
import type { WorkerSettings } from './settings.ts';

export const CAPABILITIES = {
  embed: async () => (await import('../handlers/embed/open-embed.ts')).openEmbed,
  llm: async () => (await import('../handlers/llm/open-llm.ts')).openLlm,
  retrieval: async () => (await import('../handlers/retrieval/open-retrieval.ts')).openRetrieval,
  sandbox: async () => (await import('../handlers/sandbox/open-sandbox.ts')).openSandbox,
  web: async () => (await import('../handlers/web/open-web.ts')).openWeb,
} as const satisfies Record<string, () => Promise<OpenCapability<WorkerSettings>>>;

export type CapabilityName = keyof typeof CAPABILITIES;

export const SERVABLE = Object.keys(CAPABILITIES) as CapabilityName[];

/** Those that are named, in the order of the registry. Throws USAGE for one that this build does not have. */
export function servable(names: readonly string[]): CapabilityName[] {
  const unknown = names.find((name) => !SERVABLE.some((known) => known === name));
  if (unknown === undefined) return SERVABLE.filter((known) => names.includes(known));
  throw new AppError('USAGE', { what: `--serve ${unknown}: this build serves ${SERVABLE.join(', ')}` });
}
