// What a command printed and how it ended, on its way to the caller: with the grant of its entry, or not at all.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  ExitSchema,
  OutputSchema,
  OutputStream,
  type RunResponse,
  RunResponseSchema,
} from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { SizeClass } from '../../../../gen/bowline/run/v1/run_pb.ts';
import type { ExecuteEntry } from '../../config/edge-config.ts';
import { COMMAND_HINT, type CommandOrigin, type Origins } from '../../egress/origins.ts';
import type { Emit } from '../tool.ts';
import type { ChildExit } from './child.ts';
import { commandGrant, programName } from './command-grant.ts';

const STREAMS = { stdout: OutputStream.STDOUT, stderr: OutputStream.STDERR } as const;

export class CommandAnswer {
  /** Whether what it prints may leave. */
  readonly shared: boolean;
  readonly #origin: CommandOrigin;
  readonly #origins: Origins;
  readonly #emit: Emit;

  constructor(entry: ExecuteEntry, argv: readonly string[], origins: Origins, emit: Emit) {
    this.shared = entry.output === 'share';
    this.#origins = origins;
    this.#emit = emit;
    this.#origin = { kind: 'command', name: programName(argv), grant: this.shared ? commandGrant(entry) : undefined };
    if (this.shared) return;
    const { name } = this.#origin;
    origins.note({ field: 'output.data', why: 'NO_GRANT', name, size: SizeClass.UNSPECIFIED, hint: COMMAND_HINT });
  }

  /** @param ended the end follows at once */
  output(stream: 'stdout' | 'stderr', data: Uint8Array, ended: boolean): Promise<void> {
    const value = create(OutputSchema, { stream: STREAMS[stream], data });
    return this.#send({ case: 'output', value }, ended);
  }

  exit({ code, signal, truncated }: Omit<ChildExit, 'stopped'>, elapsedMs: number): Promise<void> {
    const told = { code, signal, truncated, elapsed: durationFromMs(Math.round(elapsedMs)) };
    return this.#send({ case: 'exit', value: create(ExitSchema, this.shared ? told : {}) }, true);
  }

  async #send(event: RunResponse['event'], ended: boolean): Promise<void> {
    if (event.value) this.#origins.set(event.value, this.#origin);
    await this.#emit(create(RunResponseSchema, { event }), ended ? 'soon' : undefined);
  }
}
