// Who gets what the owner lets leave: who may by the grant, and who does as far as it is known. Pure.
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import { UNKNOWN_RECIPIENT } from '../../contract/unknown-recipient.ts';

export interface Recipients {
  /** Who may, by the grant. */
  readonly granted: readonly string[];
  /** Who does, as the owner and the ledger are told before it leaves. */
  readonly told: readonly string[];
}

const MOST = 16;

/** What the owner named. */
export function namedRecipients(asked: readonly string[]): Recipients | undefined {
  const named = [...new Set(asked.filter((name) => name !== ''))].slice(0, MOST);
  return named.length > 0 ? { granted: named, told: named } : undefined;
}

/**
 * The model that answers now, and those named `besides`. While none is known, only a model on the owner's machines may, and who it
 * will be is told as unknown.
 */
export function modelRecipients(model: ModelInfo | undefined, besides: readonly string[] = []): Recipients {
  if (!model?.provider) return { granted: ['local'], told: [UNKNOWN_RECIPIENT] };
  const all = [...new Set([model.provider, ...besides])];
  return { granted: all, told: all };
}
