// The settings of the listener and of the log.
import { OTLP_SETTING } from '../base/settings/otlp-setting.ts';
import type { Setting } from '../base/settings/setting.ts';

const ADDRESS = {
  shape: /^([A-Za-z0-9.:_-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])$/,
  like: 'an address such as 127.0.0.1 or ::1, without a zone',
} as const;

export const LISTEN_SETTINGS = {
  tlsCert: {
    env: 'BOWLINE_TLS_CERT',
    group: 'listen',
    kind: 'text',
    what: 'file with the certificate chain of the listener (PEM); if it is set, all connections use TLS 1.3',
    shape: /^[^\0]{1,4096}$/,
    like: 'the path of a file',
    fallback: undefined,
  },
  tlsKey: {
    env: 'BOWLINE_TLS_KEY',
    group: 'listen',
    kind: 'text',
    what: 'file with the key of that certificate (PEM), mode 0600 or 0400',
    shape: /^[^\0]{1,4096}$/,
    like: 'the path of a file',
    fallback: undefined,
  },
  host: {
    env: 'BOWLINE_HOST',
    group: 'listen',
    kind: 'text',
    flag: '--host <address>',
    what: 'address to listen on; without TLS it must be loopback',
    ...ADDRESS,
    fallback: '127.0.0.1',
  },
  port: {
    env: 'BOWLINE_PORT',
    group: 'listen',
    kind: 'number',
    flag: '--port <number>',
    unit: 'count',
    what: 'port to listen on; 0 lets the system choose',
    fallback: 7420,
    min: 0,
    max: 65535,
  },
  metricsPort: {
    env: 'BOWLINE_METRICS_PORT',
    group: 'listen',
    kind: 'number',
    unit: 'count',
    what: 'port of the listener for metrics and health, which tells whoever shows the key in `control/metrics.key` of the home; 0 for none',
    fallback: 0,
    min: 0,
    max: 65535,
  },
  metricsHost: {
    env: 'BOWLINE_METRICS_HOST',
    group: 'listen',
    kind: 'text',
    what: 'address of that listener; without TLS it must be loopback',
    ...ADDRESS,
    fallback: '127.0.0.1',
  },
  metricsKey: {
    env: 'BOWLINE_METRICS_KEY',
    group: 'listen',
    kind: 'secret',
    what: 'key to them, the same for all replicas; by default each makes one of its own',
    shape: /^[\x21-\x7e]{32,256}$/,
    like: '32 to 256 printed characters of ASCII without a space, such as `openssl rand -hex 32` gives',
  },
  otlpUrl: { ...OTLP_SETTING, group: 'listen' },
  logTo: {
    env: 'BOWLINE_LOG_TO',
    group: 'listen',
    kind: 'choice',
    of: ['file', 'stderr'],
    what: 'where the log goes: a rotated file in the home, or the standard error, as container runtimes expect',
    fallback: 'file',
  },
  logLevel: {
    env: 'BOWLINE_LOG_LEVEL',
    group: 'listen',
    kind: 'choice',
    what: 'lowest level that is logged',
    of: ['debug', 'info', 'warn', 'error'],
    fallback: 'info',
  },
} as const satisfies Record<string, Setting & { readonly group: 'listen' }>;
