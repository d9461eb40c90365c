// The entry point that the launcher starts for every verb but those of programs: in the bundle one file with its packages and its
// compiled code. The programs are not in it: for their verbs it goes on in their own entries.
import { BUILD } from '../base/version.ts';
import { verbIn } from './verb-in.ts';

const PROGRAMS: Readonly<Record<string, () => Promise<unknown>>> = {
  up: () => import('./control-program.ts'),
  control: () => import('./control-program.ts'),
  worker: () => import('./worker-program.ts'),
  models: () => import('./worker-program.ts'),
  init: () => import('./worker-program.ts'),
  doctor: () => import('./worker-program.ts'),
  edge: () => import('./edge.ts'),
};

void main(process.argv.slice(2));

async function main(argv: string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${BUILD}\n`);
    return;
  }
  const used = verbIn(argv) ?? '';
  if (Object.hasOwn(PROGRAMS, used)) {
    await PROGRAMS[used]?.();
  } else {
    const { runVerb } = await import('./run-verb.ts');
    await runVerb(argv);
  }
}
