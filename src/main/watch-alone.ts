// Says so when a replica that is set up to be the only one on its database is not: without Redis replicas do not hear of each
// other, and what one does the others notice late.
import type { Clock } from '../base/clock.ts';
import { every } from '../base/every.ts';
import type { Leases } from '../control/store/leases.ts';

export interface WatchAloneParts {
  readonly leases: Pick<Leases, 'live'>;
  readonly replica: string;
  /** Life of a lease: only after it is the lease of a replica that was killed just now over. */
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly say: (warning: string) => void;
}

/** Looks once per lease, and says it once as long as it lasts. Returns how to stop. */
export function watchAlone({ leases, replica, leaseMs, clock, say }: WatchAloneParts): () => void {
  let told = false;
  const look = async () => {
    const others = (await leases.live()).filter((other) => other !== replica).length;
    if (others > 0 && !told) {
      say(
        `${others === 1 ? 'another replica is' : `${others} other replicas are`} at work on this database; set REDIS_URL on all of them, or stop all but one`,
      );
    }
    told = others > 0;
  };
  // A database that is away is told elsewhere.
  return every(clock, leaseMs, look, () => {});
}
