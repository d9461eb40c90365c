// What is said of tiers: which one answered, and what was asked again one tier up. Pure.
import { type Escalation, EscalationReason, type Outcome } from '../../gen/bowline/run/v1/run_pb.ts';
import { moneyText } from '../base/money-text.ts';
import { fromFailure } from '../contract/errors.ts';

const WHY: Readonly<Record<EscalationReason, string>> = {
  [EscalationReason.UNSPECIFIED]: 'was not good enough',
  [EscalationReason.CONFIDENCE]: 'was not sure enough',
  [EscalationReason.SCHEMA]: 'gave what fits no schema',
  [EscalationReason.CHECK]: 'gave no whole answer',
  [EscalationReason.TIMEOUT]: 'took too long',
  [EscalationReason.FAILED]: 'failed',
  [EscalationReason.OWNER]: 'was not wanted',
};

/** `tier large: small was not sure enough (0.42, wanted 0.60); it cost 0.0012, at most 0.01`. */
export function escalationText({ fromTier, toTier, reason, confidence, below, ...money }: Escalation): string {
  const sure = reason === EscalationReason.CONFIDENCE ? ` (${confidence.toFixed(2)}, wanted ${below.toFixed(2)})` : '';
  const why =
    reason === EscalationReason.OWNER
      ? `you wanted a better answer than that of ${fromTier}`
      : `${fromTier} ${WHY[reason]}${sure}`;
  const most = money.mostMicros > 0n ? `, of at most ${moneyText(money.mostMicros)}` : '';
  const cost = money.failure
    ? `no better answer came: ${fromFailure(money.failure).message}`
    : `it cost ${moneyText(money.costMicros)}${most}`;
  return `asked again at tier ${toTier}: ${why}; ${cost}`;
}

/** Lines on how an answer came to be. */
export const tierLines = ({ escalations }: Pick<Outcome, 'escalations'>): string[] => escalations.map(escalationText);
