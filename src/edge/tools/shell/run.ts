// shell.Run: one command that fits an entry of config.yaml, its output in pieces, its exit last.
import { create } from '@bufbuild/protobuf';
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import {
  ExitSchema,
  OutputSchema,
  OutputStream,
  type RunRequest,
  type RunResponse,
  RunResponseSchema,
  ShellService,
} from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { SizeClass } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { AllowedCommand } from '../../allowlist/allowlist.ts';
import { COMMAND_HINT, type CommandOrigin } from '../../egress/origins.ts';
import type { EdgeTool, Emit, ToolCallContext, ToolParts } from '../tool.ts';
import { type ChildExit, runChild } from './child.ts';
import { commandGrant, programName } from './command-grant.ts';
import { findProgram } from './find-program.ts';
import type { Isolation } from './isolation.ts';
import { OutputPieces } from './output-pieces.ts';

export function runTool(parts: ToolParts): EdgeTool {
  return {
    method: ShellService.method.run,
    prepare(message, call) {
      const request = message as RunRequest;
      const command = parts.allow.judgeCommand(request.argv, request.cwd, request.stdin !== '');
      const isolation = isolationFor(parts, command);
      return (emit) => run(parts, request, command, isolation, call, emit);
    },
  };
}

/** Undefined only where the owner said so. @throws COMMAND_NOT_ISOLATED */
function isolationFor({ isolation }: ToolParts, { entry }: AllowedCommand): Isolation | undefined {
  if (entry.isolation === 'none') return undefined;
  if (!isolation) throw new AppError('COMMAND_NOT_ISOLATED');
  return isolation;
}

async function run(
  parts: ToolParts,
  request: RunRequest,
  command: AllowedCommand,
  isolation: Isolation | undefined,
  call: ToolCallContext,
  emit: Emit,
): Promise<void> {
  const { entry } = command;
  const { argv, cwd } = await parts.allow.resolveCommand(command);
  const program = await findProgram(argv[0] ?? '');
  if (!parts.allow.mayRun(program.realPath)) throw new AppError('COMMAND_NOT_ALLOWED');
  const shared = entry.output === 'share';
  const origin: CommandOrigin = {
    kind: 'command',
    name: programName(argv),
    grant: shared ? commandGrant(entry) : undefined,
  };
  if (!shared) {
    call.origins.note({
      field: 'output.data',
      why: 'NO_GRANT',
      name: origin.name,
      size: SizeClass.UNSPECIFIED,
      hint: COMMAND_HINT,
    });
  }
  let ended = false;
  const send = async (event: RunResponse['event']) => {
    if (event.value) call.origins.set(event.value, origin);
    await emit(create(RunResponseSchema, { event }), ended ? 'soon' : undefined);
  };
  const stop = stopSignal(parts, request, call.signal);
  const pieces = new OutputPieces(parts.clock, (stream, data) =>
    send({ case: 'output', value: create(OutputSchema, { stream: STREAMS[stream], data }) }),
  );
  const began = parts.clock.monotonic();
  try {
    const exit = await runChild(
      {
        program: program.path,
        argv,
        cwd,
        env: entry.env,
        stdin: request.stdin,
        isolation,
        maxOutput: parts.limits.command_output_bytes,
        // Of a command whose output stays here not even the number of pieces is told.
        onOutput: (stream, data) => shared && pieces.add(stream, data),
      },
      stop.signal,
      parts.clock,
    );
    ended = true;
    await pieces.end();
    const elapsed = parts.clock.monotonic() - began;
    await send({ case: 'exit', value: create(ExitSchema, shared ? exitFields(exit, elapsed) : {}) });
  } finally {
    stop.clear();
  }
  stop.signal.throwIfAborted();
}

const STREAMS = { stdout: OutputStream.STDOUT, stderr: OutputStream.STDERR } as const;

const exitFields = ({ code, signal, truncated }: ChildExit, elapsedMs: number) => ({
  code,
  signal,
  truncated,
  elapsed: durationFromMs(Math.round(elapsedMs)),
});

/** Aborts with the call, or when the command's own time is up. */
function stopSignal({ clock, limits }: ToolParts, { timeout }: RunRequest, call: AbortSignal) {
  const most = limits.command_seconds * 1000;
  const asked = timeout ? durationMs(timeout) : most;
  const own = new AbortController();
  const onCall = () => own.abort(call.reason);
  const cancel = clock.after(Math.min(Math.max(asked, 1), most), () => own.abort(new AppError('COMMAND_TIMED_OUT')));
  if (call.aborted) onCall();
  else call.addEventListener('abort', onCall, { once: true });
  const clear = () => {
    cancel();
    call.removeEventListener('abort', onCall);
  };
  return { signal: own.signal, clear };
}
