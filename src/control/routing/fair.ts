// Whose job is next. Pure policy: tenants take turns by their weight (start-time fair queueing), whatever each has waiting; a job that
// nobody waits for goes after those that somebody does, until it has waited long enough.

/** One job that waits. */
export interface InLine {
  readonly tenant: string;
  readonly slots: number;
  /** Its place in the line of its tenant, in milliseconds since 1970. Before that time it goes only where nothing else waits. */
  readonly placeAt: number;
}

/** What was given to whom, in virtual time: a tenant of weight 1 moves by 1 with each slot. */
export class FairTurns {
  readonly #weights: ReadonlyMap<string, number>;
  /** By tenant: where its last job ends. Who is not beyond `now` is not in it. */
  readonly #ends: Map<string, number>;
  #now: number;

  /** @param weights by tenant; others have 1 */
  constructor(weights: ReadonlyMap<string, number>, ends: ReadonlyMap<string, number> = new Map(), now = 0) {
    this.#weights = weights;
    this.#ends = new Map(ends);
    this.#now = now;
  }

  /** Where the next job of the tenant begins: nobody saves up turns by waiting for nothing. */
  startOf(tenant: string): number {
    return Math.max(this.#now, this.#ends.get(tenant) ?? 0);
  }

  /** The job was given out. */
  serve({ tenant, slots }: Pick<InLine, 'tenant' | 'slots'>): void {
    const start = this.startOf(tenant);
    this.#now = start;
    this.#ends.set(tenant, start + slots / (this.#weights.get(tenant) ?? 1));
    if (this.#ends.size > MAX_ENDS) this.#forgetPast();
  }

  copy(): FairTurns {
    this.#forgetPast();
    return new FairTurns(this.#weights, this.#ends, this.#now);
  }

  #forgetPast(): void {
    for (const [tenant, end] of this.#ends) if (end <= this.#now) this.#ends.delete(tenant);
  }
}

/** Tenants remembered before those are forgotten of which nothing is to be known. */
const MAX_ENDS = 1_000;

/**
 * At most `most` jobs in the order in which they go. Whose they are is not settled by it: only what is served counts.
 * @param lines of each tenant its first jobs, in their order
 * @param now milliseconds since 1970
 */
export function chooseFair<Job extends InLine>(
  lines: readonly (readonly Job[])[],
  turns: FairTurns,
  now: number,
  most: number,
): readonly Job[] {
  const after = turns.copy();
  const heads = lines.map(() => 0);
  const chosen: Job[] = [];
  while (chosen.length < most) {
    let best: { readonly line: number; readonly job: Job; readonly start: number } | undefined;
    for (const [line, jobs] of lines.entries()) {
      const job = jobs[heads[line]!];
      if (!job) continue;
      const next = { line, job, start: after.startOf(job.tenant) };
      if (!best || goesBefore(next, best, now)) best = next;
    }
    if (!best) break;
    heads[best.line]!++;
    after.serve(best.job);
    chosen.push(best.job);
  }
  return chosen;
}

interface Head {
  readonly job: InLine;
  readonly start: number;
}

function goesBefore(a: Head, b: Head, now: number): boolean {
  const [aIsDue, bIsDue] = [a.job.placeAt <= now, b.job.placeAt <= now];
  if (aIsDue !== bIsDue) return aIsDue;
  if (a.start !== b.start) return a.start < b.start;
  if (a.job.placeAt !== b.job.placeAt) return a.job.placeAt < b.job.placeAt;
  return a.job.tenant < b.job.tenant;
}
