// Makes the value of one setting from its text. Pure; where the text came from is told by the caller.
import { Secret } from '../secret.ts';
import type { HostPort, ListSetting, Setting, SettingValue } from './setting.ts';
import { shapeText } from './setting-text.ts';

export type Parsed = { readonly value: SettingValue } | { readonly problem: string };

/** The value, or what is wrong with the text of that name; what may hold a secret is never repeated. */
export function parseSetting(setting: Setting, text: string, name = setting.env): Parsed {
  const value = readValue(setting, text);
  if (value !== undefined) return { value };
  const shown = mayHoldSecret(setting, text) ? '' : ` ${JSON.stringify(text.slice(0, 80))}`;
  return { problem: `${name}${shown} is not ${setting.kind === 'secret' ? 'like ' : ''}${shapeText(setting)}` };
}

/** Where an address is wanted, a URL with its password is the usual mistake. */
const mayHoldSecret = ({ kind }: Setting, text: string): boolean =>
  kind === 'secret' || kind === 'addresses' || text.includes('@') || text.includes('://');

/** What holds without a text. */
export function fallbackValue(setting: Setting): SettingValue {
  switch (setting.kind) {
    case 'switch':
      return false;
    case 'addresses':
      return [];
    case 'secret':
      return undefined;
    case 'time':
      return readTime(setting.fallback);
    default:
      return setting.fallback;
  }
}

function readValue(setting: Setting, text: string): SettingValue {
  switch (setting.kind) {
    case 'number': {
      const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= setting.min && value <= setting.max ? value : undefined;
    }
    case 'time': {
      const value = readTime(text);
      return value !== undefined && value >= setting.min && (value <= setting.max || value === Number.POSITIVE_INFINITY)
        ? value
        : undefined;
    }
    case 'switch':
      return text === '1' ? true : text === '0' ? false : undefined;
    case 'choice':
      return setting.of.includes(text) ? text : undefined;
    case 'addresses':
      return addressesOf(text);
    case 'list':
      return listOf(setting, text);
    case 'path':
      return /^[^\0]{1,4096}$/.test(text) ? text : undefined;
    case 'secret':
      return setting.shape.test(text) ? new Secret(text) : undefined;
    default:
      return setting.shape.test(text) ? text : undefined;
  }
}

/** Milliseconds of `15m`, `36h`, `90d` or `forever`. */
function readTime(text: string): number | undefined {
  if (text === 'forever') return Number.POSITIVE_INFINITY;
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : undefined;
}

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function listOf({ item, most }: ListSetting, text: string): readonly string[] | undefined {
  const words = text.split(',').map((each) => each.trim());
  return words.length <= most && words.every((word) => item.test(word)) ? Object.freeze(words) : undefined;
}

function addressesOf(text: string): readonly HostPort[] | undefined {
  const found: HostPort[] = [];
  for (const word of text.split(',').map((each) => each.trim())) {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(word);
    const port = Number(match?.[3]);
    if (!match || port < 1 || port > 65535) return undefined;
    found.push({ host: match[1] ?? match[2] ?? '', port });
  }
  return found;
}
