// The settings of who gets how much: the turns of tenants, and the rates of keys.
import type { Setting } from '../base/settings/setting.ts';

export const SHARE_SETTINGS = {
  weights: {
    env: 'BOWLINE_WEIGHTS',
    group: 'shares',
    kind: 'list',
    what: 'turns that a tenant gets while others wait too; a tenant that is not named has 1',
    item: /^[^\s=,]{1,128}=\d{1,3}(\.\d{1,2})?$/,
    like: 'a list like acme=4,trial=0.5',
    most: 1_000,
    fallback: [],
  },
  rates: {
    env: 'BOWLINE_RATES',
    group: 'shares',
    kind: 'list',
    what: 'most that one key may do in so many seconds, all replicas together: `calls` of the API, and `asks` among them; what is not named has no limit',
    item: /^(calls|asks)=\d{1,9}\/\d{1,5}$/,
    like: 'a list like calls=600/60,asks=60/60',
    most: 2,
    fallback: [],
  },
} as const satisfies Record<string, Setting & { readonly group: 'shares' }>;

/** By tenant. A weight of 0 counts as the least there is. */
export function weightsOf(texts: readonly string[]): ReadonlyMap<string, number> {
  const LEAST = 0.01;
  return new Map(
    texts.map((text) => {
      const at = text.lastIndexOf('=');
      return [text.slice(0, at), Math.max(Number(text.slice(at + 1)), LEAST)];
    }),
  );
}

/** By name. A count or a time of 0 counts as 1. */
export function ratesOf(
  texts: readonly string[],
): ReadonlyMap<string, { readonly count: number; readonly seconds: number }> {
  return new Map(
    texts.map((text) => {
      const [name = '', count, seconds] = text.split(/[=/]/);
      return [name, { count: Math.max(Number(count), 1), seconds: Math.max(Number(seconds), 1) }];
    }),
  );
}
