// What a line of the ledger is about, in words.
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';

/** The path; the ask's own words have none. */
export function egressName({ path, field }: Pick<Egress, 'path' | 'field'>): string {
  if (path !== '') return path;
  return field.startsWith('user_event') ? '(the question)' : '(this device)';
}
