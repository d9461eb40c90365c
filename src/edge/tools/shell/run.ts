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
import { OutputPieces } from '../../../base/output-pieces.ts';
import type { AllowedCommand } from '../../allowlist/allowlist.ts';
import type { OpenCommand } from '../../allowlist/open-command.ts';
import { COMMAND_HINT, type CommandOrigin } from '../../egress/origins.ts';
import type { EdgeTool, Emit, ToolCallContext, ToolParts } from '../tool.ts';
import { type ChildExit, GRACE_MS, LAST_WORDS_MS, runChild } from './child.ts';
import { commandGrant, programName } from './command-grant.ts';
import { commandMounts } from './command-mounts.ts';
import { findProgram, type Program } from './find-program.ts';
import type { CommandIsolation } from './isolation.ts';
import type { OwnUser } from './own-users.ts';
import { planLaunch } from './plan-launch.ts';
import { isRecursive } from './recursive.ts';
import { networkView } from './system-view.ts';

/** So long output waits for more. */
const PIECE_MS = 50;

export function runTool(parts: ToolParts): EdgeTool {
  return {
    method: ShellService.method.run,
    prepare(message, call) {
      const request = message as RunRequest;
      const command = parts.allow.judgeCommand(request.argv, request.cwd, request.stdin !== '');
      const isolation = isolationFor(parts, command);
      const { deadlineMs } = call;
      const ends = deadlineMs === undefined ? undefined : parts.clock.monotonic() + deadlineMs;
      const { entry } = command;
      const show = () => Promise.reject(new AppError('CONFIRMATION_NEEDED'));
      return {
        work: (emit) => run(parts, request, command, isolation, { ...call, ends }, emit),
        change: { entry: `execute ${entry.argv.join(' ')}`, confirm: entry.confirm, show },
      };
    },
  };
}

/** A call with the time at which it ends, by the clock that only goes on. */
type CommandCall = ToolCallContext & { readonly ends: number | undefined };

/** Undefined only where the owner said so. @throws COMMAND_NOT_ISOLATED, COMMAND_HAS_NETWORK */
function isolationFor({ isolation }: ToolParts, { entry }: AllowedCommand): CommandIsolation | undefined {
  if (entry.isolation === 'none') return undefined;
  if (!isolation) throw new AppError('COMMAND_NOT_ISOLATED');
  if (isolation.kind === 'user' && !isolation.namespaces && !entry.network) throw new AppError('COMMAND_HAS_NETWORK');
  return isolation;
}

async function run(
  parts: ToolParts,
  request: RunRequest,
  command: AllowedCommand,
  isolation: CommandIsolation | undefined,
  call: CommandCall,
  emit: Emit,
): Promise<void> {
  // All that is done for a command is its time, also what is looked through before it begins.
  const stop = stopSignal(parts, request, call);
  try {
    await runInTime(parts, request, command, isolation, call, stop.signal, emit);
  } finally {
    stop.clear();
  }
}

async function runInTime(
  parts: ToolParts,
  request: RunRequest,
  command: AllowedCommand,
  isolation: CommandIsolation | undefined,
  call: CommandCall,
  stop: AbortSignal,
  emit: Emit,
): Promise<void> {
  // Looked for while the folder and the paths are opened; its error is told where it is awaited.
  const found = findProgram(command.argv[0] ?? '');
  found.catch(() => {});
  const opened = await parts.allow.openCommand(command);
  let user: OwnUser | undefined;
  try {
    user = await isolation?.users?.reserve();
    if (isolation?.users && !user) throw new AppError('EDGE_BUSY');
    await runOpened(parts, request, command, opened, await found, isolation, user, call, stop, emit);
  } finally {
    await user?.release();
    await opened.close();
  }
}

async function runOpened(
  parts: ToolParts,
  request: RunRequest,
  { entry }: AllowedCommand,
  opened: OpenCommand,
  program: Program,
  isolation: CommandIsolation | undefined,
  user: OwnUser | undefined,
  call: CommandCall,
  stop: AbortSignal,
  emit: Emit,
): Promise<void> {
  const { limits } = parts;
  if (!parts.allow.mayRun(program.realPath)) throw new AppError('COMMAND_NOT_ALLOWED');
  const inView = isolation?.kind === 'bubblewrap';
  if (!inView) await mustShowNothingDenied(opened, parts, stop);
  const launch = planLaunch({
    program,
    opened,
    isolation,
    view: inView ? await commandMounts(opened, entry, program, parts.allow, limits.walk_entries, stop) : undefined,
    network: entry.network ? await networkView() : undefined,
    uid: user?.uid,
    memoryBytes: limits.command_memory_bytes,
    processes: limits.command_processes,
    diskBytes: limits.command_disk_bytes,
  });
  const shared = entry.output === 'share';
  const origin: CommandOrigin = {
    kind: 'command',
    name: programName(opened.argv),
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
  const pieces = new OutputPieces(parts.clock, { waitMs: PIECE_MS, inOrder: true });
  const sent = (async () => {
    for await (const { stream, data } of pieces)
      await send({ case: 'output', value: create(OutputSchema, { stream: STREAMS[stream], data }) });
  })();
  // Awaited below; until then nobody waits for it.
  sent.catch(() => {});
  const began = parts.clock.monotonic();
  stop.throwIfAborted();
  const exit = await runChild(
    {
      launch,
      env: entry.env,
      stdin: request.stdin,
      maxOutput: parts.limits.command_output_bytes,
      // Of a command whose output stays here not even the number of pieces is told.
      onOutput: (stream, data) => shared && pieces.add(stream, data),
    },
    stop,
    parts.clock,
  ).finally(() => {
    ended = true;
    pieces.end();
  });
  await sent;
  const elapsed = parts.clock.monotonic() - began;
  await send({ case: 'exit', value: create(ExitSchema, shared ? exitFields(exit, elapsed) : {}) });
  // One that had ended by itself was not stopped, however late that was seen.
  if (exit.stopped) stop.throwIfAborted();
}

/**
 * Where denied files cannot be hidden: a folder from the caller must hold none, nor one that the command goes through by itself.
 * @throws COMMAND_SHOWS_DENIED, COMMAND_VIEW_TOO_LARGE, why the command was stopped
 */
async function mustShowNothingDenied(
  { argv, cwd, paths }: OpenCommand,
  { allow, limits }: ToolParts,
  stop: AbortSignal,
): Promise<void> {
  const folders = [...paths.values()].filter(({ stat }) => stat.isDirectory()).map(({ realPath }) => realPath);
  if (isRecursive([programName(argv), ...argv.slice(1)]) && cwd.realPath !== '/') folders.push(cwd.realPath);
  for (const folder of folders) {
    const denied = await allow.deniedBelow(folder, limits.walk_entries, stop);
    if (denied.length > 0) throw new AppError('COMMAND_SHOWS_DENIED');
  }
}

const STREAMS = { stdout: OutputStream.STDOUT, stderr: OutputStream.STDERR } as const;

const exitFields = ({ code, signal, truncated }: ChildExit, elapsedMs: number) => ({
  code,
  signal,
  truncated,
  elapsed: durationFromMs(Math.round(elapsedMs)),
});

/** A command is stopped so long before its call ends that its last words and its exit still come back. */
const BEFORE_DEADLINE_MS = GRACE_MS + LAST_WORDS_MS + 500;

/** Aborts with the call, or when the command's own time is up, which is before that of the call. */
function stopSignal({ clock, limits }: ToolParts, { timeout }: RunRequest, call: CommandCall) {
  const { signal, ends = Number.POSITIVE_INFINITY } = call;
  const left = Math.max(ends - clock.monotonic(), 0);
  const most = Math.min(limits.command_seconds * 1000, Math.max(left - BEFORE_DEADLINE_MS, left / 2));
  const asked = timeout ? durationMs(timeout) : most;
  const own = new AbortController();
  const onCall = () => own.abort(signal.reason);
  const cancel = clock.after(Math.min(Math.max(asked, 1), most), () => own.abort(new AppError('COMMAND_TIMED_OUT')));
  if (signal.aborted) onCall();
  else signal.addEventListener('abort', onCall, { once: true });
  const clear = () => {
    cancel();
    signal.removeEventListener('abort', onCall);
  };
  return { signal: own.signal, clear };
}
