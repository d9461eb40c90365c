// Names for things: time-ordered ids and dispatch ids.
import { v7 } from 'uuid';

/** A new time-ordered UUID (version 7, RFC 9562). */
export const newId = (): string => v7();

/**
 * A new id of what never leaves the box: version 8 where all others are version 7. So every program can tell it by the id alone, for ever
 * and without looking anything up.
 */
export const newSensitiveId = (): string => v7().replace(/^(.{14})7/, '$18');

/** Whether an id, or the run in the id of a job, is of what never leaves the box. */
export const isSensitiveId = (id: string): boolean => SENSITIVE.test(id);

const SENSITIVE = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}(?:\/|$)/i;

/** `run/step/index`: the id of a job; steps and indexes count from 0. */
export const jobId = (run: string, step: number, index: number): string => `${run}/${step}/${index}`;

/**
 * `<job>-<epoch>`, or `<job>-<epoch>-<nonce>` where the job was queued with a nonce: what is handed to a worker at most once, whatever
 * becomes of the commit that made it.
 */
export const dispatchId = (job: string, epoch: number, nonce = ''): string =>
  nonce === '' ? `${job}-${epoch}` : `${job}-${epoch}-${nonce}`;

/** Splits a dispatch id; undefined when it is not one. */
export function parseDispatchId(id: string): { run: string; job: string; epoch: number } | undefined {
  const match = /^((.+)\/\d+\/\d+)-(\d+)(?:-[0-9a-z]+)?$/.exec(id);
  return match ? { job: match[1]!, run: match[2]!, epoch: Number(match[3]) } : undefined;
}
