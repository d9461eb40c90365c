// The figures of an event loop as a status tells them.
import { create } from '@bufbuild/protobuf';
import { type Turns, TurnsSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import type { LoopFigures } from '../base/loop-watch.ts';

export const turnsOf = ({ longestMs, over }: LoopFigures): Turns =>
  create(TurnsSchema, { longestMs: Math.ceil(longestMs), overLimit: BigInt(over) });
