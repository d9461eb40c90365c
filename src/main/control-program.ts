// The entry point of `up` and `control`: in the bundle one file with its packages and its compiled code.
import { CONTROL_VERBS } from './control-verbs.ts';
import { runVerb } from './run-verb.ts';

void runVerb(process.argv.slice(2), CONTROL_VERBS);
