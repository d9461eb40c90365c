// Ids of what never leaves the box are never in a request to the control plane: it has none of it, so the answer is known without asking.
import type { Transport } from '@connectrpc/connect';
import { AppError } from '../base/errors.ts';
import { isSensitiveId } from '../base/ids.ts';

/** Throws NOT_FOUND instead of sending such an id. */
export function keepingSensitive(transport: Transport): Transport {
  return {
    unary: (method, signal, timeoutMs, header, input, values) =>
      holdsSensitive(input)
        ? Promise.reject(notThere())
        : transport.unary(method, signal, timeoutMs, header, input, values),
    stream: (method, signal, timeoutMs, header, input, values) =>
      transport.stream(method, signal, timeoutMs, header, checked(input), values),
  };
}

async function* checked<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const message of messages) {
    if (holdsSensitive(message)) throw notThere();
    yield message;
  }
}

const notThere = () => new AppError('NOT_FOUND', { kind: 'sensitive run or conversation at the control plane' });

function holdsSensitive(value: unknown): boolean {
  if (typeof value === 'string') return isSensitiveId(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  return Object.values(value).some(holdsSensitive);
}
