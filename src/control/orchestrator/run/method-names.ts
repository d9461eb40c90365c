// The methods that the planner itself knows by name.
import { EmbedService } from '../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { LlmService } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RetrievalService } from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';

/** Full name of the method that continues a conversation. */
export const CHAT_METHOD = `${LlmService.typeName}/Chat`;

/** Full name of the method that finds passages of the owner's documents. */
export const SEARCH_METHOD = `${RetrievalService.typeName}/Search`;

const PAID = new Set([LlmService, EmbedService].map((service) => service.file.proto.package));

/** Whether a model is asked by it, which may cost money and tokens. */
export const isPaid = (method: string): boolean => PAID.has(packageOf(method));

/** `bowline.capability.fs.v1.FsService/Read` -> `bowline.capability.fs.v1`. */
export function packageOf(method: string): string {
  const service = method.slice(0, Math.max(method.indexOf('/'), 0));
  return service.slice(0, Math.max(service.lastIndexOf('.'), 0));
}
