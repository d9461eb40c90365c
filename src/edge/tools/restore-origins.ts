// Origins for recorded answers that are sent again: only a standing permission of today's configuration counts.
import type { Message } from '@bufbuild/protobuf';
import { LanService, type SendResponse } from '../../../gen/bowline/capability/lan/v1/lan_pb.ts';
import { type RunResponse, ShellService } from '../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { EdgeConfig } from '../config/edge-config.ts';
import type { Origins } from '../egress/origins.ts';
import { hostOrigin, lanGrant } from './lan/lan-answer.ts';
import { commandGrant, programName } from './shell/command-grant.ts';

/** Files have changed since, or may have; only commands and servers whose answers the owner shares are covered again. */
export function restoreOrigins({
  execute,
  lan,
}: Pick<EdgeConfig, 'execute' | 'lan'>): (
  method: CapabilityMethod,
  message: Message,
  grants: readonly string[],
  origins: Origins,
) => void {
  return (method, message, grants, origins) => {
    if (method.desc === LanService.method.send) {
      const { answer } = message as SendResponse;
      const entry = lan.find((one) => one.share && grants.includes(lanGrant(one)));
      if (entry && answer) origins.set(answer, hostOrigin(entry));
    }
    if (method.desc !== ShellService.method.run) return;
    const entry = execute.find((one) => one.output === 'share' && grants.includes(commandGrant(one)));
    const { event } = message as RunResponse;
    if (!entry || event.value === undefined) return;
    origins.set(event.value, { kind: 'command', name: programName(entry.argv), grant: commandGrant(entry) });
  };
}
