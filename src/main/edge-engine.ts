// What the edge asks of V8 once it has started. The flags with which it starts are in scripts/build.mjs (docs/decisions/0061).
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * From now on the heap is collected as soon as a tenth of its allowance is used, and grows slowly. During the start that would only take time.
 * What was compiled of functions that did not run since the collection before goes, too: much of it only a start needs. What is called
 * again later is compiled again.
 */
const SPARING = [
  '--optimize-for-size',
  '--bytecode-old-age=1',
  '--incremental-marking-hard-trigger=10',
  '--incremental-marking-soft-trigger=10',
];

/** Keeps the heap small, and collects at once what there is. */
export function spareMemory(): void {
  for (const flag of SPARING) setFlagsFromString(flag);
  // V8 shows the function for it only to contexts that are made after this flag.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
