// Tells an error that only says that the peer went away from one of ours.
import { AppError } from '../base/errors.ts';

/** What the system says of a socket that its peer, or we ourselves, closed. */
const BROKEN: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNABORTED', 'ECANCELED', 'EPIPE']);

/** Whether an error only says that the peer's stream is gone, which is no error of ours. */
export function isGone(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    // What one of our rooms threw has its own meaning, whatever broke beneath it.
    if (cause instanceof AppError) return false;
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && (code.startsWith('ERR_STREAM_') || code.startsWith('ERR_HTTP2_'))) return true;
    if (typeof code === 'string' && BROKEN.has(code)) return true;
  }
  return false;
}
