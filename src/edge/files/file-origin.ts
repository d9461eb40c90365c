// What was read of a file, and where it lies: what grants and the gate judge.
import type { SizeClass } from '../../../gen/bowline/run/v1/run_pb.ts';

/** Lines from `start` to `end`, both included, from 1. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
}

/** A file as it was read. */
export interface FileOrigin {
  readonly kind: 'file';
  /** With the root's name first. */
  readonly name: string;
  readonly realPath: string;
  readonly device: bigint;
  readonly inode: bigint;
  /** SHA-256 of exactly the content that the message was made from; without it no grant covers. */
  readonly sha256: Uint8Array | undefined;
  readonly sizeClass: SizeClass;
  /** The lines that the message was made from; undefined: the whole file. */
  readonly lines?: LineRange | undefined;
  /** Fields that were computed from the whole file, whatever `lines` says. */
  readonly whole?: readonly string[];
}
