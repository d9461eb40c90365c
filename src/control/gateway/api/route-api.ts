// RouteService of the public API: the routing rules as they hold, and where a question would go. Nothing is asked and nothing recorded.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { RouteService, TierInfoSchema } from '../../../../gen/bowline/control/v1/route_service_pb.ts';
import type { CostBound } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { newId } from '../../../base/ids.ts';
import { fromFailure } from '../../../contract/errors.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import type { RouteRules, RouteTier } from '../../../contract/routes/rules.ts';
import type { Devices } from '../../identity/devices.ts';
import { DecisionDraft, type PricedJob } from '../../orchestrator/decide/draft.ts';
import { worstCase } from '../../orchestrator/decide/money-rows.ts';
import { turnJob } from '../../orchestrator/decide/step-up.ts';
import { recipientsOfRun } from '../../orchestrator/models/steps.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { chatNeed, routedTo } from '../../orchestrator/service/turn-routes.ts';
import { explain } from '../../routing/explain.ts';
import { misfit, modelFor } from '../../routing/fit.ts';
import { place } from '../../routing/place.ts';
import type { RoutesFile } from '../../routing/routes-file.ts';
import { firstTier, isAbleFor, selectorOfTier } from '../../routing/tiers.ts';
import { type JobNeed, serves, type WorkerView } from '../../routing/worker-view.ts';
import { ownerOf } from '../call-principal.ts';

export interface RouteApiParts {
  readonly rules: Pick<RoutesFile, 'rules' | 'path' | 'problem'>;
  readonly runs: Pick<Orchestrator, 'rehearse'>;
  readonly devices: Pick<Devices, 'find'>;
  readonly workers: () => readonly WorkerView[];
  readonly bound: (tenant: string, job: PricedJob) => CostBound;
  readonly methods: MethodRegistry;
}

type Tier = MessageInitShape<typeof TierInfoSchema>;

/** Workers that are listed for a tier. */
const MOST_CANDIDATES = 50;

/** What stands for the rules where there are none: the default model of whichever worker. */
const ANY: RouteTier = { name: '', model: '', require: {}, below: 0, on: [], afterMs: 0 };

export function routeApi(parts: RouteApiParts): ServiceImpl<typeof RouteService> {
  return {
    async getRoutes(_request, context) {
      const { tenant } = ownerOf(context);
      const { rules, path, problem } = parts.rules;
      const view = (tier: RouteTier): Tier => ({ ...tierView(tier), ...servers(parts, needOf(tenant, [], tier)) });
      return {
        file: path,
        version: rules?.version ?? '',
        problem,
        tiers: (rules?.tiers ?? []).map(view),
        rules: (rules?.rules ?? []).map(({ longerThan, ...rule }) => ({
          ...rule,
          contains: [...rule.contains],
          longerThan: BigInt(longerThan),
        })),
      };
    },
    async explainRoute(request, context) {
      const { tenant } = ownerOf(context);
      const device = request.device === '' ? undefined : await parts.devices.find(tenant, request.device);
      const run = await rehearsed(parts, tenant, request, device);
      const bound = recipientsOfRun(run);
      const recipients = bound.length > 0 ? bound : request.recipients;
      const { rules } = parts.rules;
      const { tier: chosen, why } = rules ? choice(parts, rules, run, recipients) : { tier: ANY, why: NO_RULES };
      const need = needOf(tenant, recipients, chosen);
      const now = place(need, parts.workers());
      const tiers = (rules?.tiers ?? [ANY]).map((tier) => ({
        ...tierView(tier),
        ...servers(parts, needOf(tenant, recipients, tier), tier === chosen),
        mostMicros: mostOf(parts, run, recipients, tier),
      }));
      const waitsFor = now.ok ? '' : explain(need, parts.workers()).summary;
      const waits = run.phase === 'waiting' ? 'It waits for the run before it in its conversation.' : waitsFor;
      return { tier: chosen.name, why, tiers, waitsFor: waits };
    },
  };
}

const NO_RULES = 'there are no routing rules: the default model of the cheapest worker answers';

/** The run that would come of it, as far as its beginning is decided. */
async function rehearsed(
  { runs }: RouteApiParts,
  tenant: string,
  request: { text: string; conversation: string; tier: string; better: boolean },
  device: { readonly id: string; readonly name: string } | undefined,
): Promise<FoldedRun> {
  const { text, tier, better } = request;
  const id = { source: 'routes', commandId: newId(), run: newId(), conversation: request.conversation || newId() };
  const by = { device: device?.id ?? '', deviceName: device?.name ?? '', principal: 'routes', shares: [] };
  const found = await runs.rehearse(tenant, { ...id, ...by, text, tier, better });
  if ('refused' in found) throw fromFailure(found.refused);
  return found.run;
}

function choice({ workers }: RouteApiParts, rules: RouteRules, run: FoldedRun, recipients: readonly string[]) {
  const { tier, better, tierBefore: before } = run;
  return firstTier(rules, run, { tier, better, before }, isAbleFor(chatNeed(run.tenant, recipients), workers()));
}

const needOf = (tenant: string, recipients: readonly string[], tier: RouteTier): JobNeed => ({
  ...chatNeed(tenant, recipients),
  selector: selectorOfTier(tier),
});

const tierView = ({ name, model, require, below, on, afterMs }: RouteTier) => ({
  name,
  model,
  require: { ...require },
  below,
  on: [...on],
  afterMs: BigInt(afterMs),
});

/** Who could serve it, of those that serve models at all; those that do first. */
function servers({ workers }: RouteApiParts, need: JobNeed, isChosen = false): Pick<Tier, 'candidates' | 'able'> {
  const all = workers().filter(
    (worker) => serves(worker, need.tenant) && worker.packages.some((each) => each.package === need.capability),
  );
  const now = isChosen ? place(need, all) : undefined;
  const against = all.map((worker) => ({ worker, why: misfit(need, worker) }));
  return {
    able: against.some(({ why }) => !why?.permanent),
    candidates: against
      .sort(
        (a, b) => Number(a.why !== undefined) - Number(b.why !== undefined) || (a.worker.name < b.worker.name ? -1 : 1),
      )
      .slice(0, MOST_CANDIDATES)
      .map(({ worker, why }) => ({
        worker: worker.name,
        provider: modelFor(need, worker)?.provider ?? '',
        whyNot: why?.why ?? '',
        chosen: now?.ok === true && now.worker === worker,
        freeSlots: Math.max(worker.freeSlots, 0),
      })),
  };
}

/** What its first turn would cost at most at this tier. */
function mostOf(
  { bound, methods }: RouteApiParts,
  run: FoldedRun,
  recipients: readonly string[],
  tier: RouteTier,
): bigint {
  const draft = new DecisionDraft({ ...run, jobs: new Map() }, run.createdAt, methods, {
    bound: (job) => bound(run.tenant, job),
  });
  const job = turnJob(run, 0, recipients, routedTo([tier], tier));
  draft.queue(job);
  const queued = draft.run.jobs.get(job.job);
  if (!queued) throw new AppError('NOT_FOUND', { kind: 'model turn' });
  return BigInt(worstCase(draft.run, queued, methods)?.micros ?? 0);
}
