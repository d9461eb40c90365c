// The entry point that the launcher starts for every verb but `edge`: in the bundle one file with its packages and its compiled code. The
// programs are not in it: for their verbs it goes on in bowline.ts.
import { BUILD } from '../base/version.ts';
import { verbIn } from './verb-in.ts';
import { VERBS } from './verbs.ts';

void main(process.argv.slice(2));

async function main(argv: string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${BUILD}\n`);
    return;
  }
  const used = verbIn(argv);
  if (VERBS.some(({ name, load }) => name === used && !load)) {
    process.setSourceMapsEnabled(true);
    await import('./bowline.ts');
  } else {
    const { runVerb } = await import('./run-verb.ts');
    await runVerb(argv);
  }
}
