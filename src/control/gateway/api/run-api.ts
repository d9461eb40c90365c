// RunService of the public API: reads projections, watches feeds, and hands cancels to the orchestrator.
import type { ServiceImpl } from '@connectrpc/connect';
import { RunService as RunApi } from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { newId } from '../../../base/ids.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import type { RunFeeds } from '../../dispatch/feeds/run-feeds.ts';
import type { Devices } from '../../identity/devices.ts';
import { principalName } from '../../identity/principal.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { ifReadable, isUnreadable } from '../../orchestrator/service/unreadable.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import type { RunArchive } from '../../store/archived-run.ts';
import { missingRun } from '../../store/removed-runs.ts';
import type { Requests } from '../../store/requests.ts';
import type { Runs } from '../../store/runs.ts';
import type { SetAside } from '../../store/set-aside.ts';
import { ownerOf } from '../call-principal.ts';
import { explainRun, explainUnreadable } from '../explain/explain-run.ts';
import { worldOf } from '../explain/world-of.ts';
import { tellTrace, traceParentOf } from '../trace-context.ts';
import { archivedRun, listArchived } from './archived-runs.ts';
import { type AskRunParts, runOfAsk } from './ask-run.ts';
import { once } from './once.ts';
import { runView, withRecorded } from './run-view.ts';
import { watchRun } from './watch-run.ts';

export interface RunApiParts extends AskRunParts {
  readonly runs: Orchestrator;
  readonly stored: Runs;
  readonly archive: Pick<RunArchive, 'read'>;
  readonly setAside: Pick<SetAside, 'resume' | 'end'>;
  readonly requests: Requests;
  readonly feeds: RunFeeds;
  readonly devices: Pick<Devices, 'byId' | 'find'>;
  readonly workers: () => readonly WorkerView[];
  readonly poolStartMs: number;
  readonly methods: MethodRegistry;
  readonly now: () => number;
}

export function runApi(parts: RunApiParts): ServiceImpl<typeof RunApi> {
  const read = async (tenant: string, id: string) => {
    const row = await parts.stored.get(tenant, id);
    if (!row) throw await missingRun(parts.stored, tenant, id);
    const view = runView(row, await parts.stored.jobs(tenant, id));
    return view.outcome?.failure ? withRecorded(view, await ifReadable(parts.runs.state(tenant, id))) : view;
  };
  return {
    async getRun({ id }, context) {
      const { tenant } = ownerOf(context);
      return { run: (await archivedRun(parts, tenant, id)) ?? (await read(tenant, id)) };
    },
    async listRuns({ conversation, archived, ...filter }, context) {
      const { tenant } = ownerOf(context);
      if (archived) return listArchived(parts, tenant, { ...filter, conversation: conversation || undefined });
      const page = await parts.stored.list(tenant, conversation === '' ? filter : { ...filter, conversation });
      return { runs: page.items.map((row) => runView(row)), nextPageToken: page.nextPageToken };
    },
    async *ask(request, context) {
      const owner = ownerOf(context);
      const id = await runOfAsk(parts, owner, request, traceParentOf(context));
      tellTrace(context, id);
      const watched = { feeds: parts.feeds, read: () => read(owner.tenant, id), now: parts.now };
      yield* watchRun(watched, owner.tenant, id, context.signal);
    },
    async *watchRun({ id }, context) {
      const { tenant } = ownerOf(context);
      yield* watchRun({ feeds: parts.feeds, read: () => read(tenant, id), now: parts.now }, tenant, id, context.signal);
    },
    async cancelRun(request, context) {
      const { id, requestId } = request;
      const owner = ownerOf(context);
      // Noted first: the wish bears being repeated, and the id must not serve for another run.
      await once(parts.requests, owner, RunApi.method.cancelRun, request, {
        before: async () => void (await read(owner.tenant, id)),
        within: async () => ({}),
      });
      const commandId = `cancel:${id}:${requestId || newId()}`;
      const principal = principalName(owner);
      try {
        await parts.runs.command(
          owner.tenant,
          id,
          { type: 'cancel', principal, requestId: commandId },
          { source: principal, commandId },
        );
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        const { endTime } = await read(owner.tenant, id);
        if (!endTime) await parts.runs.endSetAside(owner.tenant, id, 'cancelled', principal);
      }
      return { run: await read(owner.tenant, id) };
    },
    async retryRun(request, context) {
      const owner = ownerOf(context);
      const { tenant } = owner;
      const { id } = request;
      await once(parts.requests, owner, RunApi.method.retryRun, request, {
        before: async () => {
          await read(tenant, id);
          await parts.runs.readAgain(tenant, id);
        },
        within: async (trx) => {
          await parts.setAside.resume(tenant, id, trx);
          return {};
        },
      });
      return { run: await read(tenant, id) };
    },
    async endRun(request, context) {
      const owner = ownerOf(context);
      const { tenant } = owner;
      const { id } = request;
      await once(parts.requests, owner, RunApi.method.endRun, request, {
        before: async () => void (await read(tenant, id)),
        within: async (trx) => {
          if (await parts.setAside.end(tenant, id, 'failed', principalName(owner), trx)) return {};
          throw new AppError('RUN_NOT_SET_ASIDE', { run: id });
        },
      });
      return { run: await read(tenant, id) };
    },
    async explainRun({ id: asked }, context) {
      const { tenant } = ownerOf(context);
      const [id = '', ...rest] = asked.split('/');
      const { endTime } = await read(tenant, id);
      let run: FoldedRun | undefined;
      try {
        run = await parts.runs.state(tenant, id);
      } catch (error) {
        if (!(error instanceof AppError && isUnreadable(error))) throw error;
        return explainUnreadable(id, endTime !== undefined, error.message);
      }
      if (!run) throw new AppError('NOT_FOUND', { kind: 'run' });
      const job = rest.length > 0 ? asked : '';
      if (job && !run.jobs.has(job)) throw new AppError('NOT_FOUND', { kind: 'job' });
      return explainRun(run, await worldOf(parts, run), job);
    },
  };
}
