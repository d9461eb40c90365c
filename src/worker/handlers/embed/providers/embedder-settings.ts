// What an embedder of a real provider needs to know. Made from models.yaml; holds the key, which never prints.
import type { Secret } from '../../../../base/secret.ts';
import type { EmbeddingProvider } from '../../../models/providers.ts';

export interface EmbedderSettings {
  /** Name in models.yaml. */
  readonly name: string;
  readonly provider: EmbeddingProvider;
  /** The provider's name of the model. */
  readonly model: string;
  /** Numbers of its vectors. */
  readonly dimension: number;
  /** Asks the provider to shorten its vectors to `dimension`; not every model can. */
  readonly shorten?: boolean;
  /** Needed for `openai-compatible`; elsewhere it replaces the provider's own address. */
  readonly baseUrl?: string;
  /** Reads the key anew at each call, so that a changed file is used. Throws PROVIDER_KEY_MISSING. */
  readonly key?: () => Secret | undefined;
  /** Millionths of the currency per token, that is: the price of a million tokens. */
  readonly price?: number;
  /** What the model reads of a text; default 8,191 tokens. */
  readonly maxInputTokens?: number;
  /** What some models want before a text that is searched for, and before one that is found. */
  readonly queryPrefix?: string;
  readonly documentPrefix?: string;
  /** Told in the model's id; to be changed when the same name begins to mean another model. */
  readonly version?: string;
}
