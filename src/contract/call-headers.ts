// The headers of a call that say how it is to be read, each in one form before anybody judges by it: their values ignore case, may have
// parameters and white space (RFC 9110, 8.3.1 and 8.4.1), and whoever reads them another way than the library is led past what it checks.

const CODINGS = [
  'content-encoding',
  'grpc-encoding',
  'connect-content-encoding',
  'accept-encoding',
  'grpc-accept-encoding',
  'connect-accept-encoding',
];

/** The longest that a timer of Node runs; a longer one fires at once. */
const MOST_MS = 2 ** 31 - 1;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Puts them into their one form. */
export function settleHeaders(header: Headers): Headers {
  const type = header.get('content-type');
  if (type !== null) header.set('content-type', plainMediaType(type));
  for (const name of CODINGS) {
    const coding = header.get(name)?.toLowerCase();
    // It says that nothing was done.
    if (coding === 'identity' && !name.includes('accept')) header.delete(name);
    else if (coding !== undefined) header.set(name, coding);
  }
  const [, count, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header.get('grpc-timeout') ?? '') ?? [];
  if (Number(count) * (UNIT_MS[unit] ?? 0) > MOST_MS) header.set('grpc-timeout', `${Math.floor(MOST_MS / 1_000)}S`);
  const ms = header.get('connect-timeout-ms') ?? '';
  if (/^\d{1,10}$/.test(ms) && Number(ms) > MOST_MS) header.set('connect-timeout-ms', String(MOST_MS));
  return header;
}

/** In small letters and without parameters; a charset that is not UTF-8 stays, and makes it one that nobody knows. */
function plainMediaType(value: string): string {
  const [type = '', ...parameters] = value
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  return charset === undefined || /^charset="?utf-?8"?$/.test(charset) ? type : `${type};${charset}`;
}
