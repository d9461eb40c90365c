// The short names of the capabilities that a worker of this build can serve. It loads none of them.
import { AppError } from '../../base/errors.ts';

export const SERVABLE = ['embed', 'llm', 'retrieval', 'sandbox', 'web'] as const;

export type CapabilityName = (typeof SERVABLE)[number];

/** Those that are named, in the order above. Throws USAGE for one that this build does not have. */
export function servable(names: readonly string[]): CapabilityName[] {
  const unknown = names.find((name) => !SERVABLE.some((known) => known === name));
  if (unknown === undefined) return SERVABLE.filter((known) => names.includes(known));
  throw new AppError('USAGE', { what: `--serve ${unknown}: this build serves ${SERVABLE.join(', ')}` });
}
