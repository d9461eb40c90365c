// Origins for recorded answers that are sent again: only a standing permission of today's configuration counts.
import type { Message } from '@bufbuild/protobuf';
import { type RunResponse, RunResponseSchema } from '../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { ExecuteEntry } from '../config/edge-config.ts';
import type { Origins } from '../egress/origins.ts';
import { commandGrant, programName } from './shell/command-grant.ts';

/** Files have changed since, or may have; only commands whose output the owner shares are covered again. */
export function restoreOrigins(
  execute: readonly ExecuteEntry[],
): (method: CapabilityMethod, message: Message, grants: readonly string[], origins: Origins) => void {
  return (method, message, grants, origins) => {
    if (method.desc.output.typeName !== RunResponseSchema.typeName) return;
    const entry = execute.find((one) => one.output === 'share' && grants.includes(commandGrant(one)));
    const { event } = message as RunResponse;
    if (!entry || event.value === undefined) return;
    origins.set(event.value, { kind: 'command', name: programName(entry.argv), grant: commandGrant(entry) });
  };
}
