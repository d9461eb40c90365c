// The time of an ask where it was asked: the run has its own, and its end comes with that. Where it does not come either, the command leaves.

/** After the time of the run: its end is on its way. */
const GRACE_MS = 3_000;
const LOOK_MS = 200;

/**
 * Tells when the time of a run is over and its end did not come. Time in which it waits for the owner does not count, as at the control plane.
 * @returns how to stop
 */
export function askDeadline(
  timeoutMs: number | undefined,
  { waits, late }: { readonly waits: () => boolean; readonly late: () => void },
): () => void {
  if (timeoutMs === undefined) return () => {};
  let left = timeoutMs + GRACE_MS;
  let at = performance.now();
  const look = setInterval(() => {
    const now = performance.now();
    if (!waits()) left -= now - at;
    at = now;
    if (left > 0) return;
    clearInterval(look);
    late();
  }, LOOK_MS);
  return () => clearInterval(look);
}
