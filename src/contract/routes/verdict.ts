// Whether what a model turn came to is good enough, or is asked again one tier up. Pure; the same for a run and for a recorded set.

/** What an answer is asked again for, beside how sure it is. */
export const UP_REASONS = ['schema', 'check', 'timeout', 'failed'] as const;

export type UpReason = (typeof UP_REASONS)[number] | 'confidence';

/** What a model turn came to. */
export interface TurnEnd {
  /**
   * whole: an answer. calls: it wants tools that can be called. unread: what it gave fits no schema, or cannot be read. flawed: it is empty,
   * cut off or filtered, or none of its tool calls can be made. late: it took too long. failed: anything else. refused: it was never
   * asked, for want of money or by a limit.
   */
  readonly kind: 'whole' | 'calls' | 'unread' | 'flawed' | 'late' | 'failed' | 'refused';
  /** How sure it was, from 0 to 1; undefined where nobody says. */
  readonly confidence?: number | undefined;
}

export interface UpRule {
  /** An answer that is less sure is asked again; 0: none is for that. */
  readonly below: number;
  readonly on: readonly UpReason[];
}

const REASON_OF: Readonly<Record<TurnEnd['kind'], UpReason | undefined>> = {
  whole: undefined,
  calls: undefined,
  unread: 'schema',
  flawed: 'check',
  late: 'timeout',
  failed: 'failed',
  refused: undefined,
};

/** Why it is asked again; undefined where it stands. An answer of which nobody says how sure it is stands. */
export function whyUp({ kind, confidence }: TurnEnd, { below, on }: UpRule): UpReason | undefined {
  if (kind === 'whole') return confidence !== undefined && confidence < below ? 'confidence' : undefined;
  const reason = REASON_OF[kind];
  return reason && on.includes(reason) ? reason : undefined;
}
