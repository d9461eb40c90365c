// Whether a call runs, needs the owner, or is refused. Pure: it knows the entry that permits the call, what the control plane says of
// it, and what the owner has answered in its run. The control plane can only make it ask more.
import { Confirmation } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Confirm } from '../config/config-schema.ts';

export interface CallFacts {
  /** What would change, by its entry of config.yaml; undefined for what changes nothing. */
  readonly change: { readonly entry: string; readonly confirm: Confirm } | undefined;
  readonly confirmation: Confirmation;
  /** What the run has read, as the control plane says. */
  readonly taints: readonly Taint[];
  /** What the owner allowed in this run of this entry: one call, or all. */
  readonly allowed: 'once' | 'run' | undefined;
  /** A lasting grant that covers what the call would do. */
  readonly granted?: boolean;
}

/**
 * Which later answer of the owner stands for this call, too: the first one of its run, one for the whole run, one for the whole run
 * that is given while it waits, or none.
 */
export type CoveredBy = 'first' | 'run' | 'waiting' | 'none';

/** Whether answers that were given before it is asked count. */
export const isLasting = (cover: CoveredBy): boolean => cover === 'first' || cover === 'run';

export type Judgement =
  /** `unasked`: why nobody has to be asked about a change. */
  | { readonly kind: 'run'; readonly unasked: string }
  | { readonly kind: 'ask'; readonly reason: string; readonly cover: CoveredBy }
  | { readonly kind: 'refuse'; readonly why: AppError };

export function judgeCall({ change, confirmation, taints, allowed, granted = false }: CallFacts): Judgement {
  if (!change) {
    if (confirmation === Confirmation.UNSPECIFIED) return run('');
    return { kind: 'refuse', why: new AppError('CONFIRMATION_NEEDED') };
  }
  if (taints.some(isForeign)) return ask('the run has read what others wrote, so every change of it is asked for');
  if (confirmation !== Confirmation.UNSPECIFIED) return ask('the control plane wants it asked for');
  if (change.confirm === 'never') return run('config.yaml says `confirm: never` for this entry');
  if (allowed === 'run') return run('the owner allowed this entry for the whole run');
  if (change.confirm === 'first' && allowed)
    return run('config.yaml says `confirm: first`, and the owner allowed a call of this entry before in this run');
  if (granted) return run('a lasting grant of the owner covers it');
  return ask(
    `config.yaml says \`confirm: ${change.confirm}\` for this entry`,
    change.confirm === 'first' ? 'first' : 'run',
  );
}

const run = (unasked: string): Judgement => ({ kind: 'run', unasked });
const ask = (reason: string, cover: CoveredBy = 'none'): Judgement => ({ kind: 'ask', reason, cover });

/** What is not known is taken for the worst. */
export const isForeign = (taint: Taint): boolean => taint !== Taint.NONE && taint !== Taint.PRIVATE;
