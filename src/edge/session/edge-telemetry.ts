// What this edge tells of its own work: spans, counts and reason codes, gathered within bounds and sent once in a while, each sending
// with its line in the ledger first. Only where the owner lets it and the control plane passes it on; nothing of sensitive runs.
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type Egress, EgressSchema, type Outcome } from '../../../gen/bowline/run/v1/run_pb.ts';
import {
  EdgeLogLevel,
  type EdgeLogLine,
  EdgeLogLineSchema,
  EdgeMeasureKind,
  EdgeMeasureSchema,
  type EdgeSpan,
  EdgeSpanKind,
  EdgeSpanSchema,
  type EdgeTelemetry,
  EdgeTelemetrySchema,
} from '../../../gen/bowline/telemetry/v1/telemetry_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError, isReason } from '../../base/errors.ts';
import { isSensitiveId } from '../../base/ids.ts';
import type { Fields, Logger } from '../../base/logger.ts';

/** From the first thing that is to be told until it is. */
const GATHER_MS = 2_000;
/** As in the contract; what comes beyond them is counted. */
const MOST_SPANS = 256;
const MOST_LINES = 64;

export interface EdgeTelemetryParts {
  readonly clock: Clock;
  /** Says what leaves, before it does. */
  readonly leaves: (lines: readonly Egress[]) => Promise<void>;
  /** "Now" of the journal, in milliseconds since 1970. */
  readonly now: () => number;
}

export type SendTelemetry = (told: EdgeTelemetry) => Promise<void>;

type Counted = 'calls' | 'failed' | 'asks';

export class TelemetryBook {
  readonly #parts: EdgeTelemetryParts;
  #spans: EdgeSpan[] = [];
  readonly #lines = new Map<string, EdgeLogLine>();
  #counts: Record<Counted, number> = { calls: 0, failed: 0, asks: 0 };
  #dropped = 0;
  #send: SendTelemetry | undefined;
  #stopTimer: (() => void) | undefined;

  constructor(parts: EdgeTelemetryParts) {
    this.#parts = parts;
  }

  /** A session that passes it on began. Returns how to end. */
  begin(send: SendTelemetry): () => void {
    this.#send = send;
    if (this.#isSome) this.#later();
    return () => {
      if (this.#send !== send) return;
      this.#send = undefined;
      this.#stopTimer?.();
      this.#stopTimer = undefined;
    };
  }

  /** A run of this box ended. @param at when it was asked */
  asked(run: string, at: number, { failure }: Outcome): void {
    if (isSensitiveId(run)) return;
    this.#counts.asks++;
    this.#span({ kind: EdgeSpanKind.ASK, run, job: '', epoch: 0n, start: at, reason: failure?.reason });
  }

  /** A call began. What it gives is told how it ended, by each attempt that waited for it. */
  readonly called = ({ run }: Pick<ToolCall, 'run'>): ((result: ToolResult) => void) => {
    const start = this.#parts.now();
    return ({ job, epoch, answer }) => {
      if (isSensitiveId(run)) return;
      const failure = answer.case === 'done' ? answer.value.failure : answer.value;
      this.#counts.calls++;
      if (failure) this.#counts.failed++;
      this.#span({ kind: EdgeSpanKind.TOOL_CALL, run, job, epoch, start, reason: failure?.reason });
    };
  };

  /** The same logger, whose warnings and errors are counted here by their reason codes. Their words stay. */
  listeningTo(log: Logger): Logger {
    const count = (level: EdgeLogLevel, reason: unknown, fields: Fields = {}) => this.#line(level, reason, fields);
    return {
      debug: (message, fields) => log.debug(message, fields),
      info: (message, fields) => log.info(message, fields),
      warn: (message, fields) => {
        log.warn(message, fields);
        count(EdgeLogLevel.WARN, fields?.reason, fields);
      },
      error: (message, error, fields) => {
        log.error(message, error, fields);
        count(EdgeLogLevel.ERROR, error instanceof AppError ? error.reason : 'INTERNAL', fields);
      },
      child: (fields) => this.listeningTo(log.child(fields)),
    };
  }

  get #isSome(): boolean {
    return this.#spans.length > 0 || this.#lines.size > 0;
  }

  #span({
    start,
    reason = '',
    ...span
  }: Pick<EdgeSpan, 'kind' | 'run' | 'job' | 'epoch'> & { start: number; reason: string | undefined }): void {
    if (this.#spans.length >= MOST_SPANS) {
      this.#dropped++;
      return;
    }
    const [startTime, endTime] = [timestampFromMs(start), timestampFromMs(this.#parts.now())];
    this.#spans.push(create(EdgeSpanSchema, { ...span, startTime, endTime, reason }));
    this.#later();
  }

  #line(level: EdgeLogLevel, reason: unknown, { run, job }: Fields): void {
    if (typeof reason !== 'string' || !isReason(reason) || isSensitiveId(String(run ?? job ?? ''))) return;
    const key = `${level} ${reason}`;
    const known = this.#lines.get(key);
    const lastTime = timestampFromMs(this.#parts.now());
    if (known) Object.assign(known, { count: known.count + 1, lastTime });
    else if (this.#lines.size >= MOST_LINES) this.#dropped++;
    else this.#lines.set(key, create(EdgeLogLineSchema, { level, reason, count: 1, lastTime }));
    this.#later();
  }

  #later(): void {
    if (!this.#send) return;
    this.#stopTimer ??= this.#parts.clock.after(GATHER_MS, () => {
      this.#stopTimer = undefined;
      void this.#tell();
    });
  }

  /** What cannot be told is lost: it is not worth a second try. */
  async #tell(): Promise<void> {
    const send = this.#send;
    if (!send || !this.#isSome) return;
    const told = this.#take();
    const bytes = BigInt(toBinary(EdgeTelemetrySchema, told).length);
    const createTime = timestampFromMs(this.#parts.now());
    const line = create(EgressSchema, {
      field: 'telemetry',
      sensitivity: Sensitivity.METADATA,
      bytes,
      recipients: ['control'],
      createTime,
    });
    try {
      await this.#parts.leaves([line]);
      await send(told);
    } catch {
      this.#dropped += told.spans.length + told.logs.length;
    }
  }

  #take(): EdgeTelemetry {
    const { calls, failed, asks } = this.#counts;
    const measures = [
      { kind: EdgeMeasureKind.CALLS, value: calls },
      { kind: EdgeMeasureKind.CALLS_FAILED, value: failed },
      { kind: EdgeMeasureKind.ASKS, value: asks },
      { kind: EdgeMeasureKind.MEMORY, value: process.memoryUsage.rss() },
    ].map(({ kind, value }) => create(EdgeMeasureSchema, { kind, value: BigInt(value) }));
    const logs = [...this.#lines.values()];
    const told = create(EdgeTelemetrySchema, { spans: this.#spans, measures, logs, dropped: this.#dropped });
    this.#spans = [];
    this.#lines.clear();
    this.#counts = { calls: 0, failed: 0, asks: 0 };
    this.#dropped = 0;
    return told;
  }
}
