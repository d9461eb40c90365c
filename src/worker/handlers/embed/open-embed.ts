// Opens the capability `embed`: the embeddings of models.yaml and the built-in one behind one handler.
import { create } from '@bufbuild/protobuf';
import { ModelPriceSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { homePaths } from '../../../base/home.ts';
import type { SettingValues } from '../../../base/settings/setting.ts';
import type { CapabilityParts, ServedCapability } from '../../kit/capability.ts';
import { findLlama } from '../../llama/llama.ts';
import { needsLlama, readModels } from '../../models/read-models.ts';
import { embedHandler } from './embed-handler.ts';
import { embedModels } from './embed-models.ts';
import type { EmbedSettings } from './embed-settings.ts';
import type { EMBED_ROWS } from './setting-rows.ts';

type EmbedRows = SettingValues<typeof EMBED_ROWS>;

/** Throws CONFIG_INVALID for a models.yaml that cannot be used, LLAMA_MISSING where it names GGUF files that nothing can run. */
export async function openEmbed({
  home,
  env,
  clock,
  settings: all,
}: CapabilityParts<EmbedRows>): Promise<ServedCapability> {
  const settings = embedSettings(all);
  const config = readModels(home);
  if (needsLlama(config.embeddings)) findLlama(homePaths(home).llama);
  const models = embedModels(config, home, env, clock, settings);
  const { defaultModel, embedders } = models;
  const first = embedders.get(defaultModel)!;
  const offered = [first, ...[...embedders.values()].filter((embedder) => embedder !== first)];
  return {
    handler: embedHandler(models, { clock, cacheBytes: settings.cacheBytes }),
    models: offered.map(({ info, price }) =>
      price === undefined ? info : { ...info, price: create(ModelPriceSchema, { input: price }) },
    ),
    // Placement compares prices per thousand tokens, in millionths.
    labels: first.price === undefined ? {} : { price: String(Math.ceil(first.price * 1000)) },
    close: async () => {
      for (const embedder of offered) await embedder.close?.();
    },
  };
}

const embedSettings = (all: EmbedRows): EmbedSettings => ({
  cacheBytes: all.embedCacheBytes,
  batchTexts: all.embedBatchTexts,
  batchBytes: all.embedBatchBytes,
  batchWaitMs: all.embedBatchWaitMs,
  parallel: all.embedParallel,
  requestMs: all.embedRequestMs,
});
