// A day on which as much content may leave as there is.
import { DayCap } from '../../src/edge/journal/day-cap.ts';

export const roomyDay = (): DayCap =>
  new DayCap({ left: new Map(), now: () => 0, limit: () => Number.MAX_SAFE_INTEGER });
