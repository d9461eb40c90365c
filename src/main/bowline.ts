// The entry point of all verbs, also of those that run a program. client.ts is the one that starts faster.
import { PROGRAM_VERBS } from './program-verbs.ts';
import { runVerb } from './run-verb.ts';

await runVerb(process.argv.slice(2), PROGRAM_VERBS);
