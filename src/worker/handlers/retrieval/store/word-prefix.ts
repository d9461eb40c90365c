// What every indexed word of a collection begins with. Collections share one index; so a search walks through its own words
// alone, and how long it takes tells nothing of others.
import { createHash } from 'node:crypto';

/** Six letters: two collections that share one cost each other time, nothing else. */
export const wordPrefix = (tenant: string, collection: string): string =>
  `${createHash('sha256').update(`${tenant}\0${collection}`).digest('base64url').slice(0, 6)}:`;
