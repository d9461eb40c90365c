// The bounds of what may be asked or called at all. Pure.
import { AppError } from '../../../base/errors.ts';
import { isAskTooLong, maxAskBytes } from '../../../contract/ask-text.ts';
import type { AskCommand, CallCommand } from './asks.ts';

const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const MAX_PARAM_BYTES = 8 << 20;

/** Why an ask can never be accepted; undefined when it can. */
export function badAsk(
  ask: Pick<AskCommand, 'run' | 'conversation' | 'text' | 'shares' | 'collections'>,
): AppError | undefined {
  if (!ID.test(ask.run)) return bad('the run id must be 1 to 64 letters, digits, dots or dashes');
  if (!ID.test(ask.conversation)) return bad('the conversation id must be 1 to 64 letters, digits, dots or dashes');
  if (ask.run === ask.conversation) return bad('the run and its conversation have the same id');
  if (ask.text.trim() === '') return bad('the text of the ask is empty');
  if (isAskTooLong(ask.text)) return bad(`the text of the ask is longer than ${maxAskBytes()} bytes`);
  if (ask.shares.length > 16) return bad('more than 16 shares');
  if ((ask.collections ?? []).length > 16) return bad('more than 16 collections');
  return undefined;
}

/** Why a call can never be accepted; undefined when it can. */
export function badCall(
  call: Pick<CallCommand, 'run' | 'target' | 'device' | 'method' | 'params' | 'idempotencyKey'>,
): AppError | undefined {
  if (!ID.test(call.run)) return bad('the run id must be 1 to 64 letters, digits, dots or dashes');
  if (call.target === 'device' && !call.device) return bad('the call names no device');
  if (!call.method.includes('/')) return bad('the method has no full name');
  if (call.idempotencyKey.length > 128) return bad('the idempotency key is longer than 128 characters');
  if (call.params.length > MAX_PARAM_BYTES) return bad(`the request is larger than ${MAX_PARAM_BYTES} bytes`);
  return undefined;
}

const bad = (what: string): AppError => new AppError('INVALID_ARGUMENT', { what });
