// The capabilities served by workers; apart from those of edges, so that the edge's bundle does not hold them.
import { LlmService } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';

/** Served by workers. */
export const workerCapabilities = [LlmService] as const;
