// The tools of this build, each with its method. One line per capability.
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { servableByEdge } from '../../contract/policy.ts';
import { type CapabilityMethod, capabilityMethods } from '../../contract/registry.ts';
import { fsTools } from './fs/fs-tools.ts';
import { lanTools } from './lan/lan-tools.ts';
import { runTool } from './shell/run.ts';
import type { EdgeTool, ToolParts } from './tool.ts';

/** A method that this edge serves. */
export interface ServedTool {
  readonly method: CapabilityMethod;
  readonly tool: EdgeTool;
}

/** Every tool whose method says what it does and what its strings name; others are not served. */
export function toolset(parts: ToolParts): ServedTool[] {
  const tools = new Map([...fsTools(parts), runTool(parts), ...lanTools(parts)].map((tool) => [tool.method, tool]));
  return capabilityMethods(edgeCapabilities).flatMap((method) => {
    const tool = tools.get(method.desc);
    return tool && servableByEdge(method.desc) ? [{ method, tool }] : [];
  });
}
