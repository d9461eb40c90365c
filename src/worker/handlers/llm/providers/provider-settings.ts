// What a driver for a real provider needs to know. Made from models.yaml; holds the key, which never prints.
import type { Secret } from '../../../../base/secret.ts';
import type { ProviderKind } from '../../../models/providers.ts';
import type { TokenPrice } from '../token-usage.ts';

export interface ProviderSettings {
  /** Name in models.yaml. */
  readonly name: string;
  readonly provider: ProviderKind;
  /** The provider's name of the model. */
  readonly model: string;
  /** Needed for `openai-compatible`; elsewhere it replaces the provider's own address. */
  readonly baseUrl?: string;
  /** Reads the key anew at each call, so that a changed file is used. Throws PROVIDER_KEY_MISSING. */
  readonly key?: () => Secret | undefined;
  /** Where a request does not say. */
  readonly maxOutputTokens?: number;
  /** Millionths of the currency per token, that is: the price of a million tokens. */
  readonly price?: TokenPrice;
  /** How long the first word may take; default 180 s. */
  readonly firstChunkMs?: number;
  /** How long the stream may pause after it; default 90 s. */
  readonly chunkMs?: number;
}
