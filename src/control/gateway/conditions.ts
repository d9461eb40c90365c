// What stands in the way of answers on this replica, for one tenant, the worst first. Pure: it looks at what others found.
import type { Condition, Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../base/errors.ts';
import { hindering, stopping } from '../../contract/condition.ts';
import { fromFailure } from '../../contract/errors.ts';
import { budgetText } from '../ledger/budget-text.ts';
import type { BudgetUse } from '../ledger/budgets.ts';
import type { ChildView } from './api/status-api.ts';

export interface ConditionSources {
  /** Why the work of the tenant stands still. */
  readonly stopped: AppError | undefined;
  /** Free bytes of the disk of the embedded database where they are too few. */
  readonly disk: { readonly folder: string; readonly free: number } | undefined;
  /** Why the database takes no commit; undefined where it does. */
  readonly database: string | undefined;
  /** Why Redis does not answer; undefined where it does, or is not used. */
  readonly queue: string | undefined;
  /** Whether a worker with a language model is connected. */
  readonly hasModel: boolean;
  /** With what the last turn of a model failed, where nobody but its owner can mend that. */
  readonly modelRefused: Failure | undefined;
  /** What this process started and starts again. */
  readonly children: readonly ChildView[];
  /** Budgets that are used up to a share of which is told. */
  readonly budgets: readonly BudgetUse[];
}

export function conditionsOf(sources: ConditionSources): Condition[] {
  const { stopped, disk, database, queue, hasModel, modelRefused, children, budgets } = sources;
  const found: Condition[] = [];
  if (stopped) found.push(stopping(stopped));
  if (disk) {
    const free = `${Math.floor(disk.free / (1 << 20))} MB`;
    found.push(stopping(new AppError('CONTROL_DISK_FULL', { folder: disk.folder, free })));
  } else if (database !== undefined) found.push(stopping(new AppError('DATABASE_AWAY', { problem: database })));
  if (!hasModel) found.push(stopping(new AppError('NO_MODEL', { remedy: modelRemedy(children) })));
  else if (modelRefused) found.push(stopping(fromFailure(modelRefused)));
  if (queue !== undefined) found.push(hindering(new AppError('REDIS_AWAY', { problem: queue })));
  for (const { missing = [] } of children)
    for (const each of missing) found.push(hindering(new AppError('WORKER_LACKS', { what: each })));
  for (const each of budgets)
    found.push(hindering(new AppError('BUDGET_LOW', budgetText({ ...each, budget: each.id }))));
  return found.slice(0, MOST);
}

/** As the contract has it. */
const MOST = 16;

function modelRemedy(children: readonly ChildView[]): string {
  const own = children.find(({ name }) => name === 'worker');
  if (!own) return 'start one with `bowline worker --serve llm`';
  if (own.noModel)
    return 'the worker of `bowline up` serves none, because BOWLINE_WORKER_SERVE does not name llm. Add it there, or start another one with `bowline worker --serve llm`';
  const why = own.missing?.find((each) => each.startsWith('llm'));
  if (why) return `the worker of \`bowline up\` is without ${why}`;
  return `that of \`bowline up\` is being started${own.ends > 0 ? ' again' : ''}; if this stays, see \`bowline logs worker\``;
}
