// A logger that repeats itself only so often: what a peer can cause at will never fills a disk. Errors are not spared.
import type { Clock } from './clock.ts';
import type { Fields, Logger } from './logger.ts';

/** Lines of one text in one period. */
const LINES = 10;
const PERIOD_MS = 60_000;
/** Texts that are remembered. */
const TEXTS = 64;

/** At most ten lines of a text a minute; the first one of the next minute says how many were left out. */
export function sparing(log: Logger, clock: Clock): Logger {
  let until = Number.NEGATIVE_INFINITY;
  let said = new Map<string, number>();
  let before = new Map<string, number>();
  const spare = (write: (message: string, fields?: Fields) => void) => (message: string, fields?: Fields) => {
    const now = clock.monotonic();
    if (now >= until) {
      until = now + PERIOD_MS;
      before = said;
      said = new Map();
    }
    const lines = (said.get(message) ?? 0) + 1;
    if (said.size < TEXTS || lines > 1) said.set(message, lines);
    if (lines > LINES) return;
    const leftOut = lines === 1 ? (before.get(message) ?? 0) - LINES : 0;
    write(message, leftOut > 0 ? { ...fields, leftOut } : fields);
  };
  return {
    debug: spare((message, fields) => log.debug(message, fields)),
    info: spare((message, fields) => log.info(message, fields)),
    warn: spare((message, fields) => log.warn(message, fields)),
    error: (message, error, fields) => log.error(message, error, fields),
    child: (fields) => sparing(log.child(fields), clock),
  };
}
