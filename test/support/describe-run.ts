// A folded state as plain JSON: maps by key, bytes in base64, big numbers as text. For comparing states and golden files.

export type Described = string | number | boolean | null | Described[] | { [key: string]: Described };

export function describe(value: unknown): Described {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return `base64:${Buffer.from(value).toString('base64')}`;
  if (value instanceof Map) return describe(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(describe);
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value).filter(([key, each]) => each !== undefined && key !== '$typeName');
  return Object.fromEntries(entries.map(([key, each]) => [key, describe(each)]));
}
