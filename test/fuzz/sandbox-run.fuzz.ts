// Requests of the sandbox: whatever they hold, either they are refused by name or what is run stays within its folder, its limits and what the
// system can hand to a program.
import { create } from '@bufbuild/protobuf';
import { Language, RunRequestSchema } from '../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { findRuntimes } from '../../src/worker/handlers/sandbox/languages.ts';
import { planRun } from '../../src/worker/handlers/sandbox/plan-run.ts';
import { SANDBOX_DEFAULTS } from '../../src/worker/handlers/sandbox/sandbox-settings.ts';
import { FOLDER, type IsolatedLimits } from '../../src/worker/isolation/isolated-spec.ts';
import type { Fuzz, Random } from './fuzz.ts';

const PIECES = [
  'a',
  'b',
  '/',
  '//',
  '.',
  '..',
  '*',
  '**',
  '?',
  '\0',
  '\n',
  '图',
  'main.sh',
  ' ',
  '-',
  '\\',
  'é',
  '\u202e',
];
const NUMBERS = [0n, 1n, 4096n, 1n << 31n, (1n << 63n) - 1n, (1n << 64n) - 1n];
const REASONS = new Set(['SANDBOX_FILE_REFUSED', 'LANGUAGE_UNKNOWN']);

export const sandboxRunFuzz: Fuzz = {
  name: 'sandbox-run',
  open: async () => {
    const runtimes = await findRuntimes(process.execPath);
    return {
      round: async (random) => {
        const request = requestOf(random);
        const timeLeft = random.pick([-1, 0, 1, 5_000, 1e15]);
        let plan: ReturnType<typeof planRun>;
        try {
          plan = planRun(request, runtimes, SANDBOX_DEFAULTS, timeLeft);
        } catch (error) {
          if (error instanceof AppError && REASONS.has(error.reason)) return;
          throw error;
        }
        const { argv, files = [], limits } = plan.spec;
        if (argv.some((word) => word.includes('\0'))) throw new Error('a word holds a NUL');
        for (const { path } of files) {
          const inside = path.startsWith(`${FOLDER}/`) && !/(^|\/)\.{0,2}(\/|$)|\p{Cc}/u.test(path.slice(1));
          if (!inside) throw new Error(`a file outside of its folder: ${JSON.stringify(path)}`);
        }
        for (const name of Object.keys(limits) as (keyof IsolatedLimits)[]) {
          const value = limits[name];
          if (!(value >= 1 && value <= SANDBOX_DEFAULTS[name])) throw new Error(`${name} is ${value}`);
        }
      },
      close: async () => {},
    };
  },
};

const text = (random: Random): string => Array.from({ length: random.int(6) }, () => random.pick(PIECES)).join('');
const some = <T>(random: Random, make: () => T): T[] => Array.from({ length: random.int(4) }, make);

function requestOf(random: Random) {
  const duration = () => ({ seconds: random.pick([-1n, 0n, 1n, 1n << 40n]), nanos: random.int(1e9) });
  const file = () => ({
    path: text(random),
    body: random.chance(0.5)
      ? { case: 'text' as const, value: text(random) }
      : { case: 'data' as const, value: random.bytes(random.int(64)) },
  });
  return create(RunRequestSchema, {
    language: random.pick([Language.SHELL, Language.PYTHON, Language.JAVASCRIPT, Language.UNSPECIFIED]),
    code: text(random),
    args: some(random, () => text(random)),
    stdin: text(random),
    files: some(random, file),
    outputs: some(random, () => text(random)),
    limits: {
      timeout: duration(),
      cpu: duration(),
      memoryBytes: random.pick(NUMBERS),
      processes: random.int(2 ** 31),
      outputBytes: random.pick(NUMBERS),
      diskBytes: random.pick(NUMBERS),
    },
  });
}
