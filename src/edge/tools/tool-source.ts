// The tools as the owner's configuration of now has them. An edit makes others; a call that began goes on with those that it began with.
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { ServedTool } from './toolset.ts';

/** By the full names of their methods. Never changed. */
export type ToolsInForce = ReadonlyMap<string, ServedTool>;

export interface ToolSource {
  /** All methods that are served, whatever the configuration says. */
  readonly methods: readonly CapabilityMethod[];
  /** Those of now, after every edit that was finished before. @throws PERMISSIONS_UNKNOWN, why `signal` aborted */
  current(signal: AbortSignal): Promise<ToolsInForce>;
  /** Whether these are still those of now. */
  isCurrent(tools: ToolsInForce): boolean;
}
