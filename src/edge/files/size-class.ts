// The coarse size of a file, all that may be told of it without a grant.
import type { BigIntStats } from 'node:fs';
import { SizeClass } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Allowlist } from '../allowlist/allowlist.ts';

const STEPS: readonly (readonly [number, SizeClass])[] = [
  [1, SizeClass.EMPTY],
  [1 << 10, SizeClass.UNDER_1K],
  [16 << 10, SizeClass.UNDER_16K],
  [256 << 10, SizeClass.UNDER_256K],
  [4 << 20, SizeClass.UNDER_4M],
  [64 << 20, SizeClass.UNDER_64M],
];

export function sizeClassOf(bytes: number | bigint): SizeClass {
  return STEPS.find(([limit]) => bytes < limit)?.[1] ?? SizeClass.LARGER;
}

/** The class of a file's size; none for one that may be written: who may add to it would see how much until the class changes. */
export function toldSize(allow: Allowlist, realPath: string, { size }: BigIntStats): SizeClass {
  return allow.isWritable(realPath) ? SizeClass.UNSPECIFIED : sizeClassOf(size);
}
