// What a capability brings to a worker: its handler, and what a worker says of itself because of it.
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Handler } from './handler.ts';
import type { Env } from './key-ref.ts';

export type Labels = Readonly<Record<string, string>>;

/** What a capability may use to open; `Settings` are those that it reads. */
export interface CapabilityParts<Settings = unknown> {
  readonly home: string;
  readonly env: Env;
  /** Frozen. */
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An open capability. */
export interface ServedCapability {
  readonly handler: Handler;
  /** Models it offers, the default first. Who runs the first one receives what the worker is given. */
  readonly models?: readonly ModelInfo[];
  /** Labels for selectors; those of the command line win. */
  readonly labels?: Labels;
  /** Called once after the last job. */
  close?(): Promise<void>;
}

/** Opens a capability. Throws what stands in its way (CONFIG_INVALID, SANDBOX_UNAVAILABLE, ...); then the worker does not start. */
export type OpenCapability<Settings = unknown> = (parts: CapabilityParts<Settings>) => Promise<ServedCapability>;
