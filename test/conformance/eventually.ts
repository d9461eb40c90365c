// Bounded waiting on a condition, for suites that run on adapters with a network between them.

/** Resolves when `holds` is true; throws with `what` after `withinMs` (default 10 s). */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
