// What long-running programs print with.
import { asCalled } from '../base/called-as.ts';
import type { CliIo } from '../cli/io.ts';
import type { ControlProgramIo } from './control.ts';

export function programIo(io: CliIo): ControlProgramIo {
  return {
    env: io.env,
    out: (line) => void io.stdout.write(`${line}\n`),
    progress: (line) => void io.stderr.write(`${asCalled(line, io.env)}\n`),
  };
}
