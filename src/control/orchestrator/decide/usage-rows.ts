// What the ledger of usage is told of a commit: one row for each attempt that was charged, whatever came of it. Pure.
import type { RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { Usage } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { modelUsed } from '../../../contract/usage.ts';
import type { UsageRow } from '../../store/unit.ts';
import { chatResult } from '../models/chat-result.ts';
import { CHAT_METHOD } from '../run/method-names.ts';
import type { FoldedRun } from '../run/state.ts';

/** The rows of these events of a run; none for an attempt that used nothing. @param run its state after them */
export function usageRows(run: FoldedRun, events: readonly RunEvent[]): UsageRow[] {
  return events.flatMap(({ event }) => {
    if (event.case !== 'jobFinished' && event.case !== 'attemptFailed' && event.case !== 'lateResult') return [];
    const { job: id, epoch, usage } = event.value;
    const job = run.jobs.get(id);
    if (!job || !usage || isNothing(usage)) return [];
    const done =
      event.case === 'jobFinished' && event.value.result.case === 'done' ? event.value.result.value : undefined;
    const said = done && job.method === CHAT_METHOD ? chatResult(done.messages) : undefined;
    // A worker from before says it with its answer only.
    const told = usage.model ?? (said && !('problem' in said) ? said.finish.model : undefined);
    const { provider, name } = modelUsed(told ?? { provider: '', name: '', local: false });
    return [
      {
        run: run.id,
        job: id,
        epoch: Number(epoch),
        method: job.method,
        conversation: run.conversation || null,
        device: run.device || null,
        principal: run.principal,
        provider,
        model: name,
        inputTokens: Number(usage.inputTokens),
        outputTokens: Number(usage.outputTokens),
        cachedTokens: Number(usage.cachedInputTokens),
        costMicros: Number(usage.costMicros),
        estimated: usage.estimated,
      },
    ];
  });
}

const isNothing = ({ inputTokens, outputTokens, costMicros }: Usage): boolean =>
  inputTokens === 0n && outputTokens === 0n && costMicros === 0n;
