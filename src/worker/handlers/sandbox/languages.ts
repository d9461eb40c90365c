// The languages that this worker runs: which interpreters are there, and how a program is started with them.
import { access, constants } from 'node:fs/promises';
import { Language } from '../../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { EXTRA, type Mount } from '../../isolation/isolated-spec.ts';

export interface Runtime {
  readonly name: string;
  /** Name of the file that holds the program. */
  readonly file: string;
  /** The interpreter as it is inside, with its options. */
  argv(memoryBytes: number): readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Runtimes {
  readonly of: ReadonlyMap<Language, Runtime>;
  /** What has to be there inside beside the system, for all of them. */
  readonly mounts: readonly Mount[];
}

const NODE = `${EXTRA}/bin/node`;

/** Where a system that is seen inside has Python 3. */
const PYTHON = '/usr/bin/python3';

/** How much of the memory may be V8's heap; the rest is for its code, its buffers and what else runs. */
const HEAP_SHARE = 0.75;

const JAVASCRIPT: Runtime = {
  name: 'JavaScript',
  file: 'main.mjs',
  argv: (memoryBytes) => [
    NODE,
    `--max-old-space-size=${Math.max(16, Math.floor((memoryBytes * HEAP_SHARE) / 2 ** 20))}`,
  ],
  env: {},
};

const PYTHON_3: Runtime = {
  name: 'Python',
  file: 'main.py',
  argv: () => [PYTHON],
  // What it prints is seen at once and is UTF-8 whatever else is set; it leaves no compiled files behind.
  env: { PYTHONUNBUFFERED: '1', PYTHONUTF8: '1', PYTHONDONTWRITEBYTECODE: '1' },
};

const SHELL: Runtime = { name: 'shell', file: 'main.sh', argv: () => ['/bin/sh'], env: {} };

/** @param node the Node of this worker, which programs get too */
export async function findRuntimes(node: string): Promise<Runtimes> {
  const of = new Map<Language, Runtime>([
    [Language.JAVASCRIPT, JAVASCRIPT],
    [Language.SHELL, SHELL],
  ]);
  const python = await access(PYTHON, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (python) of.set(Language.PYTHON, PYTHON_3);
  return { of, mounts: [{ from: node, to: NODE }] };
}

/** What a language is called where it is not run. */
const WORDS = new Map<Language, string>([[Language.PYTHON, 'Python']]);

/** Throws LANGUAGE_UNKNOWN. */
export function runtimeFor({ of }: Runtimes, language: Language): Runtime {
  const runtime = of.get(language);
  if (runtime) return runtime;
  const known = [...of.values()].map(({ name }) => name).join(', ');
  throw new AppError('LANGUAGE_UNKNOWN', { language: WORDS.get(language) ?? 'this language', known });
}
