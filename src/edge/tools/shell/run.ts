// shell.Run: one command that fits an entry of config.yaml, its output in pieces, its exit last.
import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import {
  type Effect as ApprovalEffect,
  EffectSchema as ApprovalEffectSchema,
  type CommandEffect,
} from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import { type RunRequest, ShellService } from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { OutputPieces } from '../../../base/output-pieces.ts';
import type { AllowedCommand } from '../../allowlist/allowlist.ts';
import { maskedOutput } from '../../secrets/masked-output.ts';
import type { EdgeTool, Emit, ToolCallContext, ToolParts } from '../tool.ts';
import { GRACE_MS, LAST_WORDS_MS, runChild } from './child.ts';
import { CommandAnswer } from './command-answer.ts';
import { ContentHashes } from './content-hashes.ts';
import type { CommandIsolation } from './isolation.ts';
import {
  checksOf,
  type JudgedRun,
  lookAtRun,
  mustBeAsShown,
  mustBeUnchanged,
  type OpenRun,
  withOpenRun,
} from './open-run.ts';
import type { OwnUser } from './own-users.ts';
import { planLaunch } from './plan-launch.ts';
import { folderOwnerOf } from './preview/folder-owner.ts';
import type { KeepReplaced } from './preview/previews.ts';
import { tryCommand } from './preview/try-command.ts';
import { networkView } from './system-view.ts';

/** So long output waits for more. */
const PIECE_MS = 50;

export function runTool(parts: ToolParts): EdgeTool {
  const hashes = new ContentHashes(LARGEST_HASHED);
  return {
    method: ShellService.method.run,
    prepare(message, call) {
      const request = message as RunRequest;
      const command = parts.allow.judgeCommand(request.argv, request.cwd, request.stdin !== '');
      const run: JudgedRun = { parts, request, command, isolation: isolationFor(parts, command), hashes };
      const ends = endOf(parts, call);
      const { entry } = command;
      return {
        // The time of a call that was held begins with the yes.
        work: async (emit, shown) => {
          try {
            await work(run, { ...call, ends: shown ? endOf(parts, call) : ends }, emit, shown);
          } catch (error) {
            // A call that found no place comes again, and its yes still holds.
            if (!(error instanceof AppError && error.reason === 'EDGE_BUSY')) await discard(parts, shown);
            throw error;
          }
        },
        change: {
          entry: `execute ${entry.argv.join(' ')}`,
          confirm: entry.confirm,
          show: () => show(run, { ...call, ends: undefined }),
          discard: (shown) => discard(parts, shown),
        },
      };
    },
  };
}

/** What was tried for it is not to be done any more. */
async function discard({ preview }: ToolParts, shown: ApprovalEffect | undefined): Promise<void> {
  if (shown?.effect.case === 'command' && shown.effect.value.preview) await preview.store.discard(shown.effect.value);
}

/** A larger program cannot be shown, and of a larger file only which one it is. */
const LARGEST_HASHED = 1 << 30;

/** A call with the time at which it ends, by the clock that only goes on. */
type CommandCall = ToolCallContext & { readonly ends: number | undefined };

const endOf = ({ clock }: ToolParts, { deadlineMs }: ToolCallContext): number | undefined =>
  deadlineMs === undefined ? undefined : clock.monotonic() + deadlineMs;

/** Undefined only where the owner said so. @throws COMMAND_NOT_ISOLATED, COMMAND_HAS_NETWORK */
function isolationFor({ isolation }: ToolParts, { entry }: AllowedCommand): CommandIsolation | undefined {
  if (entry.isolation === 'none') return undefined;
  if (!isolation) throw new AppError('COMMAND_NOT_ISOLATED');
  if (isolation.kind === 'user' && !isolation.namespaces && !entry.network) throw new AppError('COMMAND_HAS_NETWORK');
  return isolation;
}

/** What it would do; with `preview`, what it did on a copy. */
async function show(run: JudgedRun, call: CommandCall): Promise<ApprovalEffect> {
  const stop = stopSignal(run.parts, run.request, call);
  try {
    return await withOpenRun(run, stop.signal, async (open) => {
      const look = await lookAtRun(run, open, stop.signal);
      try {
        const tried = run.command.entry.preview ? await tryCommand(run, open, look, stop.signal) : look.effect;
        return create(ApprovalEffectSchema, { effect: { case: 'command', value: tried } });
      } finally {
        await look.close();
      }
    });
  } finally {
    stop.clear();
  }
}

async function work(run: JudgedRun, call: CommandCall, emit: Emit, shown: ApprovalEffect | undefined): Promise<void> {
  // All that is done for a command is its time, also what is looked through before it begins.
  const stop = stopSignal(run.parts, run.request, call);
  let user: OwnUser | undefined;
  try {
    await withOpenRun(run, stop.signal, async (open) => {
      const users = run.isolation?.users;
      user = await users?.reserve();
      if (users && !user) throw new AppError('EDGE_BUSY');
      await runAsShown(run, open, user, call, stop.signal, emit, shown);
    });
  } finally {
    await user?.release();
    stop.clear();
  }
}

/** @throws APPROVAL_CHANGED when it is not, or is not any more when it would begin */
async function runAsShown(
  run: JudgedRun,
  open: OpenRun,
  user: OwnUser | undefined,
  call: CommandCall,
  stop: AbortSignal,
  emit: Emit,
  shown: ApprovalEffect | undefined,
): Promise<void> {
  if (!shown) return runOpened(run, open, user, call, stop, emit, []);
  if (shown.effect.case !== 'command') throw new AppError('APPROVAL_CHANGED');
  const effect = shown.effect.value;
  const looked = await mustBeAsShown(run, open, effect, stop);
  try {
    if (effect.preview) return await commitTried(run, open, effect, call, emit);
    const checks = run.isolation ? checksOf(looked, open) : [];
    await mustBeUnchanged(looked);
    await runOpened(run, open, user, call, stop, emit, checks);
  } catch (error) {
    const changed = error instanceof AppError && error.reason === 'FILE_CHANGED';
    throw changed ? new AppError('APPROVAL_CHANGED') : error;
  } finally {
    await looked.close();
  }
}

/** What it did on a copy is done to its folders; it does not run again. @throws APPROVAL_CHANGED, PREVIEW_UNCLEAR */
async function commitTried(
  { parts, command }: JudgedRun,
  { opened }: OpenRun,
  effect: CommandEffect,
  call: CommandCall,
  emit: Emit,
): Promise<void> {
  const { changes, preview } = parts;
  const keep: KeepReplaced = (replaced) =>
    changes.keepAll(
      call,
      (effect.preview?.changes ?? []).map((change, n) => ({ effect: change, content: replaced[n] })),
    );
  const { tried } = await changes.inLine(command.entry.writes, () => preview.store.commit(effect, keep));
  const answer = new CommandAnswer(command.entry, opened.argv, call.origins, emit);
  const printed = answer.shared ? tried.output : [];
  for (const { stream, data } of printed) await answer.output(stream, Buffer.from(data, 'base64'), true);
  await answer.exit(tried, tried.elapsedMs);
}

async function runOpened(
  { parts, request, command, isolation }: JudgedRun,
  { opened, program, view }: OpenRun,
  user: OwnUser | undefined,
  call: CommandCall,
  stop: AbortSignal,
  emit: Emit,
  checks: readonly string[],
): Promise<void> {
  const { limits } = parts;
  const { entry } = command;
  const env = parts.secrets.given(entry.env);
  const stdin = typeof entry.stdin === 'string' ? parts.secrets.reveal(entry.stdin) : request.stdin;
  const owner = await folderOwnerOf(entry.writes, isolation);
  const launch = planLaunch({
    program,
    opened,
    isolation,
    view,
    checks,
    network: entry.network ? await networkView() : undefined,
    // What may change folders runs as the one they belong to.
    uid: owner.uid ?? user?.uid,
    gid: owner.gid,
    memoryBytes: limits.command_memory_bytes,
    processes: limits.command_processes,
    diskBytes: limits.command_disk_bytes,
  });
  const answer = new CommandAnswer(entry, opened.argv, call.origins, emit);
  let ended = false;
  const pieces = new OutputPieces(parts.clock, { waitMs: PIECE_MS, inOrder: true });
  const sent = (async () => {
    for await (const { stream, data } of pieces) await answer.output(stream, data, ended);
  })();
  // Awaited below; until then nobody waits for it.
  sent.catch(() => {});
  const output = maskedOutput(pieces, parts.secrets.masker);
  const end = (isCut: boolean) => {
    ended = true;
    output.end(isCut);
  };
  const began = parts.clock.monotonic();
  stop.throwIfAborted();
  const exit = await runChild(
    {
      launch,
      env,
      stdin,
      maxOutput: parts.limits.command_output_bytes,
      // Of a command whose output stays here not even the number of pieces is told.
      onOutput: (stream, data) => answer.shared && output.add(stream, data),
    },
    stop,
    parts.clock,
  ).then(
    (how) => {
      end(how.truncated || how.stopped);
      return how;
    },
    (error) => {
      end(true);
      throw error;
    },
  );
  await sent;
  await answer.exit(exit, parts.clock.monotonic() - began);
  // One that had ended by itself was not stopped, however late that was seen.
  if (exit.stopped) stop.throwIfAborted();
}

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
