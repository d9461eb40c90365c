// How programs are told of a collector: a row of the table of each that has one.

export const OTLP_SETTING = {
  env: 'BOWLINE_OTLP_URL',
  kind: 'text',
  what: 'collector that traces are sent to, by OTLP over HTTP; without it none are made',
  /** Credentials do not stand in it: they go into a header. */
  shape: /^https?:\/\/[^\s@]{1,2048}$/,
  like: 'a URL like http://127.0.0.1:4318, without a user and password',
  fallback: undefined,
} as const;
