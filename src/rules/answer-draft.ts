// An answer while it is written.
import type { Source } from '../../gen/bowline/run/v1/run_pb.ts';

/** Lines of an answer before it is put together. */
export interface AnswerDraft {
  readonly lines: string[];
  readonly sources: Source[];
  confidence: number;
}
