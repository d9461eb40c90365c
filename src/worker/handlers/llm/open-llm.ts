// Opens the capability `llm`: the models of models.yaml behind one handler.
import { create } from '@bufbuild/protobuf';
import { type ModelPrice, ModelPriceSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { homePaths } from '../../../base/home.ts';
import type { CapabilityParts, Labels, ServedCapability } from '../../kit/capability.ts';
import { findLlama } from '../../llama/llama.ts';
import { type ModelEntry, needsLlama, readModels } from '../../models/read-models.ts';
import { chatModels } from './chat-models.ts';
import { llmHandler } from './llm-handler.ts';

/** Throws CONFIG_INVALID for a models.yaml that cannot be used, LLAMA_MISSING where it names GGUF files that nothing can run. */
export async function openLlm({ home, env, clock }: CapabilityParts): Promise<ServedCapability> {
  const config = readModels(home);
  if (needsLlama(config.models)) findLlama(homePaths(home).llama);
  const models = chatModels(config, home, env, clock);
  const { defaultModel, drivers } = models;
  const names = [defaultModel, ...[...drivers.keys()].filter((model) => model !== defaultModel)];
  return {
    handler: llmHandler(models),
    models: names.map((alias) => ({ ...drivers.get(alias)!.info, alias, ...priceOfModel(config.models.get(alias)) })),
    labels: priceLabel(config.models.get(defaultModel)),
    close: () => models.close(),
  };
}

/** Placement compares prices per thousand tokens, in millionths. */
function priceLabel(entry: ModelEntry | undefined): Labels {
  return entry?.price ? { price: String(Math.ceil(entry.price.input * 1000)) } : {};
}

/** What the control plane reserves in budgets by. */
function priceOfModel(entry: ModelEntry | undefined): { price?: ModelPrice } {
  if (!entry?.price) return {};
  const { input, output } = entry.price;
  return { price: create(ModelPriceSchema, { input, output }) };
}
