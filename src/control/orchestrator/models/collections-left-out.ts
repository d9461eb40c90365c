// Collections that the owner of a run let it look into and that it could not: each with why, for the model and for the owner. An
// answer that rests on fewer documents than it should never looks like a whole one. Pure.
import { create, fromBinary } from '@bufbuild/protobuf';
import {
  SearchRequestSchema,
  type SearchResponse,
  SearchResponseSchema,
} from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { type LeftOutCollection, LeftOutCollectionSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { fromFailure } from '../../../contract/errors.ts';
import { SEARCH_METHOD } from '../run/method-names.ts';
import { boundBy } from '../run/run-recipients.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';
import { canSearch } from './retrieval.ts';

interface Why {
  readonly reason: string;
  readonly problem: string;
}

/** What no search of this run looked into so far, in the order of its collections. */
export function leftOutOf(run: FoldedRun): LeftOutCollection[] {
  if (run.collections.length === 0) return [];
  const granted = new Set(boundBy(run).collections.map(({ name }) => name));
  const looked = new Set<string>();
  const left = new Map<string, Why>();
  for (const job of run.jobs.values())
    if (job.method === SEARCH_METHOD && job.role !== 'child') look(job, looked, left);
  return run.collections.flatMap(({ name: collection }) => {
    const why = granted.has(collection) ? searched(run, left.get(collection)) : barred(collection);
    if (!why || looked.has(collection)) return [];
    const { reason, problem } = why;
    return [
      create(LeftOutCollectionSchema, {
        collection,
        reason: reason.slice(0, 63),
        problem: problem.slice(0, 1000).toWellFormed(),
      }),
    ];
  });
}

function searched(run: FoldedRun, why: Why | undefined): Why | undefined {
  return canSearch(run) ? why : told(new AppError('RETRIEVAL_NOT_SERVED'));
}

const barred = (collection: string): Why => told(new AppError('COLLECTION_OTHER_RECIPIENTS', { collection }));

const told = ({ reason, message }: AppError): Why => ({ reason, problem: message });

/** Of one collection of a search that failed as a whole: its error names but one of them. */
function ofOne(name: string, why: AppError): Why {
  if (why.reason === 'COLLECTION_UNKNOWN') return onlyGranted(name);
  const { collection } = why.metadata;
  if (collection === undefined || collection === name) return told(why);
  return {
    reason: why.reason,
    problem: `it was searched together with ${collection}, and that failed: ${why.message}`,
  };
}

/** The owner lets it be looked into, and nothing is there: what was granted never came, or was removed from another box. */
const onlyGranted = (collection: string): Why => told(new AppError('COLLECTION_ONLY_GRANTED', { collection }));

/** What one search looked into, and what it left out. */
function look({ params, phase, lastFailure, result }: FoldedJob, looked: Set<string>, left: Map<string, Why>): void {
  if (result?.result.case === 'done') {
    const response = responseOf(result.result.value.messages[0]);
    for (const name of response?.collections ?? []) looked.add(name);
    for (const { collection, reason, problem } of response?.skipped ?? [])
      left.set(collection, reason === 'COLLECTION_UNKNOWN' ? onlyGranted(collection) : { reason, problem });
  } else if (phase === 'failed' && lastFailure) {
    const why = fromFailure(lastFailure);
    for (const name of namesOf(params)) if (!left.has(name)) left.set(name, ofOne(name, why));
  }
}

function responseOf(bytes: Uint8Array | undefined): SearchResponse | undefined {
  try {
    return bytes && fromBinary(SearchResponseSchema, bytes);
  } catch {
    return undefined;
  }
}

function namesOf(params: Uint8Array): string[] {
  try {
    return fromBinary(SearchRequestSchema, params).collections;
  } catch {
    return [];
  }
}
