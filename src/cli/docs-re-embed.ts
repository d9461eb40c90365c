// Makes the vectors of collections anew, one collection after the other, a bounded piece with each call.
import { RetrievalService } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../base/errors.ts';
import type { Side } from './client.ts';
import type { ProgressBar } from './progress-bar.ts';

export interface ReEmbedParts {
  readonly control: Side;
  /** None: all collections. */
  readonly names: readonly string[];
  /** Empty: the default. */
  readonly model: string;
  readonly signal: AbortSignal;
  readonly bar: (total: number) => Pick<ProgressBar, 'show' | 'clear'>;
}

export interface ReEmbedded {
  readonly collection: string;
  /** Texts that were embedded now; 0 where the vectors were of this model. */
  readonly embedded: number;
  readonly model: string;
  /** Why it did not come to its end; the same call again goes on. */
  readonly problem?: string;
}

/** Most time of one call. */
const TIMEOUT_MS = 300_000;

/** What became of each. Throws only when it is interrupted, and where the collections cannot be listed. */
export async function reEmbedCollections(parts: ReEmbedParts): Promise<ReEmbedded[]> {
  const names = parts.names.length > 0 ? [...new Set(parts.names)] : await allNames(parts);
  const done: ReEmbedded[] = [];
  for (const name of names) {
    try {
      done.push(await reEmbedOne(parts, name));
    } catch (error) {
      if (parts.signal.aborted || !(error instanceof AppError)) throw error;
      done.push({ collection: name, embedded: 0, model: '', problem: `${error.message} (${error.reason})` });
    }
  }
  return done;
}

async function reEmbedOne({ control, model, signal, bar }: ReEmbedParts, collection: string): Promise<ReEmbedded> {
  const service = control.client(RetrievalService);
  let embedded = 0;
  let shown: ReturnType<typeof bar> | undefined;
  try {
    for (;;) {
      const step = await service.reEmbed({ collection, model }, { signal, timeoutMs: TIMEOUT_MS });
      embedded += step.embedded;
      if (step.finished) return { collection, embedded, model: step.model };
      shown ??= bar(step.total);
      shown.show(step.done, collection);
    }
  } finally {
    shown?.clear();
  }
}

async function allNames({ control, signal }: ReEmbedParts): Promise<string[]> {
  const names: string[] = [];
  let pageToken = '';
  do {
    const page = await control.client(RetrievalService).listCollections({ pageSize: 1000, pageToken }, { signal });
    names.push(...page.collections.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return names;
}
