// The capabilities served by workers; apart from those of edges, so that the edge's bundle does not hold them.
import { EmbedService } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { LlmService } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RetrievalService } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { SandboxService } from '../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { WebService } from '../../gen/bowline/capability/web/v1/web_pb.ts';

/** Served by workers. */
export const workerCapabilities = [LlmService, EmbedService, RetrievalService, WebService, SandboxService] as const;
