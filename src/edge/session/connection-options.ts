// What one session takes for its times and sizes.

export interface ConnectionOptions {
  /** Before Welcome says otherwise, in milliseconds; also the interval of the http2 pings. */
  readonly heartbeatMs: number;
  /** From dialling to Welcome; whether anybody is there is told earlier, by the http2 pings. */
  readonly helloTimeoutMs: number;
  /** Largest frame in either direction. */
  readonly maxFrameBytes: number;
  /** Bulk frames that wait to be sent. */
  readonly bulkFrames: number;
  /** How long a stream that was told to leave may take. */
  readonly goodbyeMs: number;
  /** Edges that are asked to connect elsewhere do so within this time, each at its own moment. */
  readonly drainSpreadMs: number;
  readonly random: () => number;
}

export const CONNECTION_OPTIONS: ConnectionOptions = {
  heartbeatMs: 10_000,
  helloTimeoutMs: 45_000,
  maxFrameBytes: 4 << 20,
  bulkFrames: 16,
  goodbyeMs: 2_000,
  drainSpreadMs: 1_000,
  random: Math.random,
};
