// A call of a tool that changes something, in its two steps and without the runner: what the owner is shown, then the work.
import type { Message } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import {
  type Effect as ApprovalEffect,
  type FileEffect,
  FileEffectSchema,
} from '../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { Origins } from '../../src/edge/egress/origins.ts';
import type { EdgeTool } from '../../src/edge/tools/tool.ts';

/** Both steps give the reason of what they throw instead. */
export function preparedChange(tool: EdgeTool, request: Message, run = 'run') {
  const call = {
    run,
    job: `${run}/0/0`,
    key: 'key',
    callDigest: '',
    recipient: 'rules',
    deadlineMs: undefined,
    signal: new AbortController().signal,
  };
  const { change, work } = tool.prepare(request, { ...call, origins: new Origins() });
  const responses: Message[] = [];
  return {
    responses,
    show: async (): Promise<ApprovalEffect> => change!.show(),
    work: (shown?: ApprovalEffect) =>
      work(async (message) => void responses.push(message), shown).then(() => 'done', reasonOf),
  };
}

export const reasonOf = (error: unknown): string => {
  if (error instanceof AppError) return error.reason;
  throw error;
};

export const fileOf = ({ effect }: ApprovalEffect): FileEffect =>
  effect.case === 'file' ? effect.value : create(FileEffectSchema);
