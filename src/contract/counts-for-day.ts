// Which lines of the ledger count for the day cap. The edge counts them, and programs of the owner can tell them apart.
import { Sensitivity } from '../../gen/bowline/policy/v1/options_pb.ts';
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';

/** Content that counts: neither the owner's own words nor what is sealed for another key of the owner. */
export const countsForDay = ({ sensitivity, grant }: Pick<Egress, 'sensitivity' | 'grant'>): boolean =>
  sensitivity === Sensitivity.CONTENT && grant !== '' && grant !== 'ask' && !grant.startsWith('owner:');
