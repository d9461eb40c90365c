// Makes of a request what is to be run: the program's files, its limits, the patterns of what it leaves. Pure; refuses what is not safe.
import { durationMs } from '@bufbuild/protobuf/wkt';
import type {
  Limits,
  RunRequest as SandboxRunRequest,
} from '../../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { type Glob, globOf } from '../../../base/glob.ts';
import { FOLDER, type IsolatedLimits, type IsolatedSpec, type PlacedFile } from '../../isolation/isolated-spec.ts';
import { type Runtimes, runtimeFor } from './languages.ts';
import { segmentsOf } from './relative-path.ts';
import type { SandboxSettings } from './sandbox-settings.ts';

export interface RunPlan {
  readonly spec: IsolatedSpec;
  readonly globs: readonly Glob[];
  /** Name of the program's own file, which is not given back. */
  readonly program: string;
}

/** With less no interpreter starts. */
const LEAST_MEMORY = 32 << 20;
const LEAST_DISK = 256 << 10;

/** A file takes whole pages of memory. */
const PAGE = 4096;

/**
 * @param timeLeftMs until the job's deadline; a program ends before, so that there is a result
 * Throws LANGUAGE_UNKNOWN, SANDBOX_FILE_REFUSED.
 */
export function planRun(
  request: SandboxRunRequest,
  runtimes: Runtimes,
  settings: SandboxSettings,
  timeLeftMs: number,
): RunPlan {
  const runtime = runtimeFor(runtimes, request.language);
  const limits = limitsOf(request.limits, settings, timeLeftMs);
  mustBeWords(request.args);
  const files = [
    { which: 'the program', path: `${FOLDER}/${runtime.file}`, data: Buffer.from(request.code) },
    ...request.files.map(({ path, body }, i) => ({
      which: `file ${i + 1}`,
      path: `${FOLDER}/${orRefuse(`file ${i + 1}`, segmentsOf(path)).join('/')}`,
      data: typeof body.value === 'string' ? Buffer.from(body.value) : (body.value ?? Buffer.alloc(0)),
    })),
  ];
  mustBeApart(files);
  mustFit(files, limits.diskBytes);
  return {
    spec: {
      argv: [...runtime.argv(limits.memoryBytes), `${FOLDER}/${runtime.file}`, ...request.args],
      env: runtime.env,
      mounts: runtimes.mounts,
      files,
      stdin: request.stdin,
      limits,
    },
    globs: request.outputs.map((pattern, i) =>
      globOf(orRefuse(`output pattern ${i + 1}`, segmentsOf(pattern)).join('/')),
    ),
    program: runtime.file,
  };
}

/** Each at most that of the worker, and what is not said is that of the worker. */
function limitsOf(wanted: Limits | undefined, settings: SandboxSettings, timeLeftMs: number): IsolatedLimits {
  const lower = (most: number, value: number | bigint | undefined) => {
    const number = Number(value ?? 0);
    return number > 0 ? Math.min(most, number) : most;
  };
  const wallMs = lower(settings.wallMs, wanted?.timeout && durationMs(wanted.timeout));
  return {
    wallMs: Math.max(1, Math.min(wallMs, timeLeftMs)),
    cpuMs: Math.max(1, lower(settings.cpuMs, wanted?.cpu && durationMs(wanted.cpu))),
    memoryBytes: Math.max(LEAST_MEMORY, lower(settings.memoryBytes, wanted?.memoryBytes)),
    processes: lower(settings.processes, wanted?.processes),
    outputBytes: lower(settings.outputBytes, wanted?.outputBytes),
    diskBytes: Math.max(LEAST_DISK, lower(settings.diskBytes, wanted?.diskBytes)),
  };
}

/** The system ends a word at the first NUL. */
function mustBeWords(args: readonly string[]): void {
  const at = args.findIndex((word) => word.includes('\0'));
  if (at >= 0) throw refused(`argument ${at + 1}`, 'it holds a NUL character, which no argument of a program can');
}

function orRefuse(which: string, segments: ReturnType<typeof segmentsOf>): readonly string[] {
  if ('why' in segments) throw refused(which, segments.why);
  return segments;
}

interface NamedFile extends PlacedFile {
  /** What an error calls it: paths are content. */
  readonly which: string;
}

/** No two files at one path, and none where another has a folder. */
function mustBeApart(files: readonly NamedFile[]): void {
  const paths = new Set(files.map(({ path }) => path));
  const seen = new Set<string>();
  for (const { path, which } of files) {
    if (seen.has(path)) throw refused(which, 'another file of this run has its path');
    seen.add(path);
    for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
      if (paths.has(path.slice(0, at))) throw refused(which, 'another file of this run has the path of its folder');
    }
  }
}

function mustFit(files: readonly PlacedFile[], diskBytes: number): void {
  const needed = files.reduce((sum, { data }) => sum + Math.ceil(data.byteLength / PAGE) * PAGE, 0);
  if (needed <= diskBytes) return;
  throw refused('the sum of all files', `it takes ${needed} bytes, and the disk limit is ${diskBytes}`);
}

const refused = (which: string, why: string) => new AppError('SANDBOX_FILE_REFUSED', { which, why });
