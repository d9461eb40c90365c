// Makes the messages of an answer: results and the journal's records of them. Pure.
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { ToolDoneSchema, type ToolResult, ToolResultSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type Egress, EgressSchema, type Withheld } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { GatedResponse } from '../egress/gate.ts';

/** For which job and attempt an answer is. */
export interface CallAddress {
  readonly job: string;
  readonly epoch: bigint;
  readonly key: string;
}

export const addressOf = (call: ToolCall): CallAddress => ({
  job: call.job,
  epoch: call.epoch,
  key: call.idempotencyKey,
});

/** What a call came to, as the gate let it pass. */
export interface GatedAnswer {
  readonly responses: readonly Uint8Array[];
  readonly failure: Failure | undefined;
  readonly withheld: readonly Withheld[];
  readonly egress: readonly Egress[];
}

export function doneResult(to: CallAddress, answer: GatedAnswer, sequence: number): ToolResult {
  return create(ToolResultSchema, {
    job: to.job,
    epoch: to.epoch,
    idempotencyKey: to.key,
    answer: {
      case: 'done',
      value: create(ToolDoneSchema, {
        responses: [...answer.responses],
        ...(answer.failure ? { failure: answer.failure } : {}),
      }),
    },
    withheld: [...answer.withheld],
    egress: [...answer.egress],
    sequence: BigInt(sequence),
  });
}

/** Refused before anything happened, and its key begins anew. */
export const freedResult = (to: CallAddress, failure: Failure, sequence: number): ToolResult =>
  create(ToolResultSchema, { ...failedResult(to, 'neverStarted', failure, sequence), keyFree: true });

export function failedResult(
  to: CallAddress,
  kind: 'neverStarted' | 'unknown',
  failure: Failure,
  sequence: number,
): ToolResult {
  return create(ToolResultSchema, {
    job: to.job,
    epoch: to.epoch,
    idempotencyKey: to.key,
    answer: { case: kind, value: failure },
    sequence: BigInt(sequence),
  });
}

/** Joins what the gate said of each message, and counts the names in the answer's own lists, where they leave. */
export function joinAnswer(
  gated: readonly GatedResponse[],
  notes: readonly Withheld[],
  failure: Failure | undefined,
  call: Pick<ToolCall, 'run' | 'job' | 'recipient'>,
  at: number,
  leaves = true,
): GatedAnswer {
  const withheld = [...merge(gated.flatMap((one) => one.withheld)), ...notes].slice(0, 1024);
  const egress = fewLines(gated.flatMap((one) => one.egress));
  const names = (field: string, texts: readonly string[]): Egress =>
    create(EgressSchema, {
      field,
      sensitivity: Sensitivity.NAME,
      bytes: BigInt(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)),
      run: call.run,
      job: call.job,
      createTime: timestampFromMs(at),
      recipients: [call.recipient || 'control'],
    });
  const lists = [
    names(
      'result.withheld',
      withheld.flatMap(({ name, hint }) => [name, hint]),
    ),
    names(
      'result.egress',
      egress.flatMap(({ path, recipients }) => [path, ...recipients]),
    ),
  ].filter(({ bytes }) => leaves && bytes > 0n);
  return {
    responses: gated.map(({ bytes }) => bytes),
    failure,
    withheld,
    egress: [...egress, ...lists],
  };
}

/** What leaves for each of several jobs, as lines of the ledger. */
export const linesFor = (lines: readonly Egress[], jobs: readonly { readonly job: string }[]): Egress[] =>
  jobs.flatMap(({ job }) => lines.map((line) => create(EgressSchema, { ...line, job })));

/** A streaming method says the same of each of its messages. */
function merge(entries: readonly Withheld[]): Withheld[] {
  const known = new Map<string, Withheld>();
  for (const entry of entries) known.set(`${entry.field}\0${entry.why}\0${entry.name}`, entry);
  return [...known.values()];
}

/** A result holds 1,024 lines, and two are for its own lists. */
const MOST_LINES = 1022;
/** So many stay as they are where there are more; the rest is merged. */
const KEPT_LINES = 512;

/** What a merged line tells less than those that it stands for. The last leaves few lines, whatever there is. */
const LESS: readonly ((line: Egress) => Partial<Egress>)[] = [
  () => ({ path: '' }),
  () => ({ path: '', field: 'several' }),
  ({ grant }) => ({ path: '', field: 'several', grant: grant && 'several' }),
];

/** Each line once. Where there are too many for a result, the rest tells no path: its bytes are in the ledger whatever it is. */
function fewLines(lines: readonly Egress[]): Egress[] {
  const each = mergeLines(lines);
  if (each.length <= MOST_LINES) return each;
  const kept = each.slice(0, KEPT_LINES);
  let rest = each.slice(KEPT_LINES);
  for (const less of LESS) {
    rest = mergeLines(rest.map((line) => create(EgressSchema, { ...line, ...less(line) })));
    if (kept.length + rest.length <= MOST_LINES) break;
  }
  return [...kept, ...rest];
}

function mergeLines(lines: readonly Egress[]): Egress[] {
  const known = new Map<string, Egress>();
  for (const line of lines) {
    const key = JSON.stringify([line.path, line.field, line.sensitivity, line.grant, line.recipients]);
    const before = known.get(key);
    if (before) before.bytes += line.bytes;
    else known.set(key, create(EgressSchema, { ...line }));
  }
  return [...known.values()];
}

/** Raw messages as one blob. */
export const packRaw = (raw: readonly Uint8Array[]): Uint8Array =>
  toBinary(ToolDoneSchema, create(ToolDoneSchema, { responses: [...raw] }));
