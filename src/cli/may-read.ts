// What the edge may read, in words, and what to do where that is nothing.
import type { GetStatusResponse } from '../../gen/bowline/local/v1/local_pb.ts';

export function mayReadText({ roots, conditions }: Pick<GetStatusResponse, 'roots' | 'conditions'>): string {
  if (roots.length > 0) return roots.join(', ');
  const isUnusable = conditions.some(({ why }) => why?.reason === 'PERMISSIONS_UNKNOWN');
  return isUnusable ? 'nothing until config.yaml is mended' : 'nothing (see --allow)';
}
