// Opens the capability `embed`: the embeddings of models.yaml and the built-in one behind one handler.
import type { Capability, CapabilityParts } from '../../capability.ts';
import { embedModels } from '../../embedding-models.ts';
import { readModels } from '../../models.ts';
import { embedHandler } from './embed-handler.ts';
import { EMBED_DEFAULTS } from './embed-settings.ts';

/** Throws CONFIG_INVALID for a models.yaml that cannot be used. */
export async function openEmbed({ home, env, clock }: CapabilityParts): Promise<Capability> {
  const settings = EMBED_DEFAULTS;
  const models = embedModels(readModels(home), home, env, clock, settings);
  const { defaultModel, embedders } = models;
  const first = embedders.get(defaultModel)!;
  const all = [first, ...[...embedders.values()].filter((embedder) => embedder !== first)];
  return {
    handler: embedHandler(models, { clock, cacheBytes: settings.cacheBytes }),
    models: all.map(({ info }) => info),
    // Placement compares prices per thousand tokens, in millionths.
    labels: first.price === undefined ? {} : { price: String(Math.ceil(first.price * 1000)) },
    close: async () => {
      for (const embedder of all) await embedder.close?.();
    },
  };
}
