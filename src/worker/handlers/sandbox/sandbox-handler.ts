// Serves bowline.capability.sandbox.v1: runs a request in isolation and tells what came of it.
import { create, isMessage, type Message } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  LimitMet,
  OutputStream as SandboxOutputStream,
  type RunRequest as SandboxRunRequest,
  type RunResponse as SandboxRunResponse,
  RunResponseSchema as SandboxRunResponseSchema,
  SandboxService,
} from '../../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { OutputPieces } from '../../../base/output-pieces.ts';
import { SPANS } from '../../../base/telemetry/names.ts';
import type { IsolatedEnd, MetLimit } from '../../isolation/isolated-spec.ts';
import type { Isolation } from '../../isolation/open-isolation.ts';
import { defineHandler, type Handler, type HandlerContext } from '../../kit/handler.ts';
import { inSpan } from '../../kit/spans.ts';
import type { Runtimes } from './languages.ts';
import { type LeftFiles, leftFiles } from './left-files.ts';
import { planRun } from './plan-run.ts';
import type { SandboxSettings } from './sandbox-settings.ts';

export interface SandboxParts {
  readonly isolation: Isolation;
  readonly runtimes: Runtimes;
  readonly settings: SandboxSettings;
  readonly clock: Clock;
}

/** Before its job's deadline, so that what it did until then is a result and not lost. */
const BEFORE_DEADLINE_MS = 500;

/** So long output waits for more. */
const PIECE_MS = 25;

export function sandboxHandler(parts: SandboxParts): Handler {
  return defineHandler(
    SandboxService,
    { Run: (request, context) => run(parts, request, context) },
    { join: joinOutput },
  );
}

async function* run(
  { isolation, runtimes, settings, clock }: SandboxParts,
  request: SandboxRunRequest,
  context: HandlerContext,
): AsyncGenerator<SandboxRunResponse> {
  const timeLeftMs = context.deadline - clock.now() - BEFORE_DEADLINE_MS;
  const { spec, globs, program } = planRun(request, runtimes, settings, timeLeftMs);
  const { returnedBytes: bytes, returnedFiles: files } = settings;
  const pieces = new OutputPieces(clock, { waitMs: PIECE_MS, inOrder: false });
  const leaving = new AbortController();
  let left: LeftFiles = { files: [], skipped: [] };
  const end = context.span(SPANS.program);
  const running = inSpan(end, () =>
    isolation.run(
      {
        ...spec,
        onOutput: (stream, data) => pieces.add(stream, data),
        afterwards: async (folder) => {
          left = await leftFiles(folder, globs, [program], { bytes, files });
        },
      },
      AbortSignal.any([context.signal, leaving.signal]),
    ),
  ).finally(() => pieces.end());
  // Awaited below; until then nobody waits for it.
  running.catch(() => {});
  try {
    for await (const { stream, data } of pieces) {
      yield create(SandboxRunResponseSchema, { event: { case: 'output', value: { stream: STREAMS[stream], data } } });
    }
    yield exitOf(await running, left);
  } finally {
    leaving.abort(new AppError('CANCELED'));
    await running.catch(() => {});
  }
}

const STREAMS = { stdout: SandboxOutputStream.STDOUT, stderr: SandboxOutputStream.STDERR } as const;

const LIMITS: Readonly<Record<MetLimit, LimitMet>> = {
  time: LimitMet.TIME,
  cpu: LimitMet.CPU,
  memory: LimitMet.MEMORY,
  processes: LimitMet.PROCESSES,
  output: LimitMet.OUTPUT,
  disk: LimitMet.DISK,
};

function exitOf(
  { limit, wallMs, cpuMs, peakMemoryBytes, truncated, ...end }: IsolatedEnd,
  left: LeftFiles,
): SandboxRunResponse {
  return create(SandboxRunResponseSchema, {
    event: {
      case: 'exit',
      value: {
        ...end,
        ...left,
        limit: limit === undefined ? LimitMet.UNSPECIFIED : LIMITS[limit],
        wall: durationFromMs(Math.round(wallMs)),
        ...(cpuMs === undefined ? {} : { cpu: durationFromMs(Math.round(cpuMs)) }),
        peakMemoryBytes: BigInt(peakMemoryBytes ?? 0),
        outputTruncated: truncated,
      },
    },
  });
}

/** Output of one stream that follows itself, as one message. */
function joinOutput(last: Message, next: Message): Message | undefined {
  if (!isMessage(last, SandboxRunResponseSchema) || !isMessage(next, SandboxRunResponseSchema)) return undefined;
  const [{ event: before }, { event: after }] = [last, next];
  if (before.case !== 'output' || after.case !== 'output') return undefined;
  const { stream } = before.value;
  if (stream !== after.value.stream) return undefined;
  const data = Buffer.concat([before.value.data, after.value.data]);
  return create(SandboxRunResponseSchema, { event: { case: 'output', value: { stream, data } } });
}
