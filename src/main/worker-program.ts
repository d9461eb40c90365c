// The entry point of `worker` and `models`: in the bundle one file with its packages and its compiled code.
import { runVerb } from './run-verb.ts';
import { WORKER_VERBS } from './worker-verbs.ts';

void runVerb(process.argv.slice(2), WORKER_VERBS);
