// Whether a server of the openai-compatible kind answers under `/v1` of the address that was given, where it does not answer itself.
import { AppError } from '../../base/errors.ts';
import type { EmbeddingEntry } from '../models/embedding-entry.ts';
import type { ModelEntry } from '../models/read-models.ts';

const LOOK_MS = 5_000;

export const lacksPath = (url: string): boolean => new URL(url).pathname === '/';

/** The error that says the right address; undefined where there is none, or none was found. Asks for the list of models there. */
export async function wrongAddress(
  model: string,
  entry: Pick<ModelEntry | EmbeddingEntry, 'provider' | 'base_url'> | undefined,
): Promise<AppError | undefined> {
  const url = entry?.base_url;
  if (entry?.provider !== 'openai-compatible' || url === undefined || !lacksPath(url)) return undefined;
  const better = new URL('/v1', url).href;
  try {
    const answer = await fetch(`${better}/models`, { redirect: 'error', signal: AbortSignal.timeout(LOOK_MS) });
    await answer.body?.cancel();
    // A server that wants a key first has this address, too.
    if (!answer.ok && answer.status !== 401) return undefined;
  } catch {
    return undefined;
  }
  return new AppError('PROVIDER_ADDRESS_WRONG', { model, url, better });
}
