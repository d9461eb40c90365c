// Looking into the collections of a run: the search before the first model turn, and the bounds of those that a model asks
// for. Pure.
import { create, fromBinary, isMessage, type Message, toBinary, toJsonString } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Passage,
  SearchRequestSchema,
  SearchResponseSchema,
} from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { type JobQueued, JobQueuedSchema, JobRole, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { jobId } from '../../../base/ids.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { decode } from '../../../contract/wire-meter.ts';
import { MAX_QUERY_BYTES, RETRIEVAL_TIMEOUT_MS } from '../run/limits.ts';
import { SEARCH_METHOD } from '../run/method-names.ts';
import { boundBy } from '../run/run-recipients.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';
import { nextIndex } from './steps.ts';
import { wantsDocuments } from './wants-documents.ts';

/** The search before the first model turn; undefined while there is none. */
export function searchOf(run: FoldedRun): FoldedJob | undefined {
  for (const job of run.jobs.values()) if (job.role === 'retrieval') return job;
  return undefined;
}

/**
 * The search that comes before the first model turn; undefined without a collection, when no worker could make it, or for an ask that
 * wants nothing of documents.
 */
export function searchJob(
  run: FoldedRun,
  methods: MethodRegistry,
  recipients: readonly string[],
): JobQueued | undefined {
  const names = boundBy(run).collections.map(({ name }) => name);
  if (names.length === 0 || !canSearch(run) || !wantsDocuments(run.text)) return undefined;
  const job = jobId(run.id, 0, nextIndex(run, 0));
  const request = create(SearchRequestSchema, { query: cut(run.text.trim(), MAX_QUERY_BYTES), collections: names });
  return create(JobQueuedSchema, {
    job,
    role: JobRole.RETRIEVAL,
    method: SEARCH_METHOD,
    target: TargetKind.WORKER,
    params: toBinary(SearchRequestSchema, request),
    idempotencyKey: job,
    toolName: methods.byFullName(SEARCH_METHOD)?.toolName ?? '',
    recipients: [...recipients],
    timeout: durationFromMs(RETRIEVAL_TIMEOUT_MS),
    slots: methods.byFullName(SEARCH_METHOD)?.slots ?? 1,
  });
}

/** Whether a worker could search when the run got its turn. */
export const canSearch = (run: FoldedRun): boolean => run.tools.some(({ method }) => method === SEARCH_METHOD);

/** The arguments of the search before the first model turn, as a model would write them. */
export function searchArguments(job: FoldedJob): string {
  return toJsonString(SearchRequestSchema, fromBinary(SearchRequestSchema, job.params));
}

/**
 * Binds a search that a model asks for to the collections of its run; none named means all of them. Throws
 * COLLECTION_NOT_GRANTED. Another request stays as it is.
 */
export function bindSearch(run: FoldedRun, request: Message): void {
  if (!isMessage(request, SearchRequestSchema)) return;
  const known = boundBy(run).collections.map(({ name }) => name);
  const foreign = request.collections.find((each) => !known.includes(each));
  if (foreign !== undefined || known.length === 0) {
    throw new AppError('COLLECTION_NOT_GRANTED', { collection: foreign ?? '', known: known.join(', ') || 'none' });
  }
  if (request.collections.length === 0) request.collections = known;
}

/** Passages that searches of this run found, in the order of its jobs. */
export function passagesOf(run: FoldedRun): Passage[] {
  return [...run.jobs.values()].flatMap(({ method, role, result }) => {
    if (method !== SEARCH_METHOD || role === 'child' || result?.result.case !== 'done') return [];
    const [bytes] = result.result.value.messages;
    try {
      return bytes ? decode(SearchResponseSchema, bytes).passages : [];
    } catch {
      return [];
    }
  });
}

/** The beginning of a text, in at most so many bytes of UTF-8. */
function cut(text: string, bytes: number): string {
  const all = Buffer.from(text);
  if (all.length <= bytes) return text;
  return new TextDecoder('utf-8', { fatal: false }).decode(all.subarray(0, bytes), { stream: true });
}
