// How the messages of a call leave while it runs: each through the gate, and a piece of a stream only when its ledger is synced.
import { create, type Message } from '@bufbuild/protobuf';
import { ToolProgressSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { causeText } from '../../base/cause-text.ts';
import type { Logger } from '../../base/logger.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { AnswerGate, GatedResponse } from '../egress/gate.ts';
import type { Origins } from '../egress/origins.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { Emit } from '../tools/tool.ts';
import { linesFor } from './answers.ts';
import type { Execution } from './execution.ts';

/** What a frame needs beside its payload. */
const FRAME_ROOM = 256 << 10;

export interface ResponseOutParts {
  readonly journal: Pick<EdgeJournal, 'append' | 'now'>;
  readonly gate: AnswerGate;
  readonly limits: { readonly frame_bytes: number };
  readonly log: Logger;
}

/** Where the tool of a call puts its messages. */
export const responseOut =
  (parts: ResponseOutParts, execution: Execution, method: CapabilityMethod, origins: Origins): Emit =>
  async (message, when) => {
    parts.gate.mask(method.desc, message);
    execution.keep(method.desc, message, parts.limits.frame_bytes - FRAME_ROOM);
    const gated = gate(parts, execution, method, message, origins);
    execution.gated.push(gated);
    if (method.streaming && when !== 'soon') await progress(parts, execution, gated);
  };

function gate(
  { gate, journal }: ResponseOutParts,
  { call: { run, job, recipient }, callDigest }: Execution,
  method: CapabilityMethod,
  message: Message,
  origins: Origins,
) {
  return gate.response(method.desc, message, { run, job, callDigest, recipient, origins, at: journal.now() });
}

/** Where its ledger cannot be written, or the day or a grant has no room to say it twice, a piece leaves with the result instead. */
async function progress(
  { gate, journal, log }: ResponseOutParts,
  execution: Execution,
  { bytes, egress }: GatedResponse,
): Promise<void> {
  const index = BigInt(execution.gated.length - 1);
  // It leaves once for each of them: those for whom there is room.
  const reached = execution.waiters.flatMap((waiter) => {
    const giveBack = gate.again(egress, execution.digestOf(waiter));
    return giveBack ? [{ ...waiter, giveBack }] : [];
  });
  const entries = linesFor(egress, reached);
  try {
    if (entries.length > 0) await journal.append([{ case: 'ledger', value: { entries } }]);
  } catch (error) {
    for (const { giveBack } of reached) giveBack();
    log.warn('progress was not sent, because its ledger could not be written', { problem: causeText(error) });
    return;
  }
  for (const { sink, job, epoch } of reached) {
    const message = create(ToolProgressSchema, { job, epoch, index, response: bytes });
    await Promise.resolve(sink.progress(message)).catch(() => {});
  }
}
