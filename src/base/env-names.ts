// The environment's names that begin with BOWLINE_ and are in no program's table of settings: whoever judges such names must
// know all of them. It reads nothing.

/** Names that all programs share, or that only some other program reads. */
export const OTHER_NAMES = [
  'BOWLINE_HOME',
  'BOWLINE_CALLED_AS',
  'BOWLINE_CONFIG',
  'BOWLINE_CONTROL',
  'BOWLINE_OWNER_KEY_FILE',
  'BOWLINE_WORKER_KEY_FILE',
  'BOWLINE_SEEDS',
  'BOWLINE_KEEP_HISTORIES',
] as const;

/** Beginnings of the names that belong to tests and benchmarks. */
const OTHER_PREFIXES = ['BOWLINE_TEST_', 'BOWLINE_CHAOS_', 'BOWLINE_BENCH_', 'BOWLINE_SOAK_'] as const;

/** Whether a name is legal though in no table of settings. */
export function isOtherName(name: string): boolean {
  return OTHER_NAMES.some((other) => other === name) || OTHER_PREFIXES.some((prefix) => name.startsWith(prefix));
}
