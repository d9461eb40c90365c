// Why Postgres will not have us, and what to do: a table of causes, each with the parameter or right and the remedy. Pure.
import { sqlState } from './postgres.ts';

interface Cause {
  /** SQLSTATE or code of the system; a pattern of either. */
  readonly code: RegExp;
  /** What the message must match. */
  readonly message?: RegExp;
  /** `$1`, `$2` are groups of the message. */
  readonly text: string;
  /** Whether it may pass without anybody changing anything. */
  readonly passes?: true;
}

/** The first that matches counts. */
const CAUSES: readonly Cause[] = [
  {
    code: /./,
    message: /unsupported startup parameter(?: in options)?: (\S+)/i,
    text: 'a pooler before it (PgBouncer) refuses the startup parameter $1; remove it from the URL, or add it to ignore_startup_parameters of the pooler',
  },
  {
    code: /./,
    message: /no such database|database "?([^"]*)"? does not exist/i,
    text: 'there is no database of that name; make it (CREATE DATABASE), or correct the name at the end of the URL',
  },
  {
    code: /^3D000$/,
    text: 'there is no database of that name; make it (CREATE DATABASE), or correct the name at the end of the URL',
  },
  {
    code: /^28/,
    message: /no pg_hba\.conf entry.*no encryption/i,
    text: 'it takes no connection without TLS; add ?sslmode=verify-full to the URL',
  },
  {
    code: /^28/,
    message: /no pg_hba\.conf entry/i,
    text: 'pg_hba.conf of the server has no line for this user, database and address; add one',
  },
  {
    code: /^28/,
    message: /not permitted to log ?in/i,
    text: 'the user of the URL may not log in; ALTER ROLE ... LOGIN',
  },
  {
    code: /^28/,
    message: /role .* does not exist/i,
    text: 'there is no such user; CREATE ROLE ... LOGIN, or correct the user in the URL',
  },
  {
    code: /^(28|08P01)/,
    message: /password|SASL|auth|no such user/i,
    text: 'the user or the password of the URL is wrong; a character such as @ : / ? # % in a password is written as %40 %3A %2F %3F %23 %25',
  },
  {
    code: /^$/,
    message: /client password must be a string|SASL/i,
    text: 'it wants a password and the URL has none that it takes; write postgres://user:password@host/name',
  },
  { code: /^28/, text: 'it does not take the user of the URL; see its log for the reason' },
  {
    code: /^42501$/,
    message: /schema "?([^"\s]+)"?/i,
    text: 'its user lacks a right on the schema $1; GRANT USAGE, CREATE ON SCHEMA $1 TO the user of the URL',
  },
  {
    code: /^42501$/,
    message: /(table|relation|sequence|function|database|type) "?([^"\s]+)"?/i,
    text: 'its user lacks a right on the $1 $2; give that user the ownership, or the right by GRANT',
  },
  {
    code: /^42501$/,
    text: 'its user lacks a right; the user of the URL must own the tables or be granted all on them',
  },
  {
    code: /^3F000$/,
    text: 'no schema of search_path exists; CREATE SCHEMA, or ALTER ROLE ... SET search_path for the user of the URL',
  },
  {
    code: /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|DEPTH_ZERO_SELF_SIGNED_CERT)$/,
    text: 'its certificate is signed by an authority that this machine does not know; add sslmode=verify-full&sslrootcert=/path/to/ca.pem to the URL',
  },
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    text: 'its certificate is for another name than the host of the URL; use the name that the certificate has',
  },
  { code: /^CERT_HAS_EXPIRED$/, text: 'its certificate has expired; renew it on the server' },
  {
    code: /^(ENOENT|EACCES)$/,
    message: /open '([^']+)'/,
    text: 'the file $1, which the URL names, cannot be read; correct sslrootcert, sslcert or sslkey',
  },
  {
    code: /./,
    message: /does not support SSL/i,
    text: 'it does not speak TLS; remove sslmode from the URL, or turn ssl on in the server',
  },
  {
    code: /^$/,
    message: /does not support SSL/i,
    text: 'it does not speak TLS; remove sslmode from the URL, or turn ssl on in the server',
  },
  {
    code: /^53300$/,
    text: 'it has no connection left for us; raise its max_connections or the CONNECTION LIMIT of the user, or lower BOWLINE_DB_CONNECTIONS',
    passes: true,
  },
  { code: /^57P03$/, text: 'it is starting or stopping', passes: true },
  {
    code: /^55000$/,
    message: /not currently accepting/i,
    text: 'the database takes no connections (ALLOW_CONNECTIONS false)',
    passes: true,
  },
  { code: /^25006$/, text: 'it is read-only, as a standby is; the URL must name the primary', passes: true },
  {
    code: /^ECONNREFUSED$/,
    text: 'nothing listens there (ECONNREFUSED); is it running, and are host and port of the URL right?',
    passes: true,
  },
  { code: /^(ENOTFOUND|EAI_AGAIN)$/, text: 'the host of the URL is not known ($0)', passes: true },
];

export interface KnownCause {
  readonly text: string;
  readonly passes: boolean;
}

/** The cause of an error of a connect or of the first statements; undefined where the table has none. */
export function postgresCause(error: unknown): KnownCause | undefined {
  if (error instanceof AggregateError) return postgresCause(error.errors[0]);
  if (!(error instanceof Error)) return undefined;
  const system = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const code = sqlState(error) ?? system;
  for (const cause of CAUSES) {
    const found = cause.code.test(code) && (cause.message === undefined || cause.message.exec(error.message));
    if (!found) continue;
    const groups = Array.isArray(found) ? found : [];
    const text = cause.text.replace(/\$(\d)/g, (_all, n: string) => (n === '0' ? code : (groups[Number(n)] ?? '')));
    return { text, passes: cause.passes ?? false };
  }
  return undefined;
}

/**
 * What is wrong with the text of a URL; undefined where nothing is. A password with a raw `/`, `?` or `#` ends the place of the host
 * before its `@`, so that user and password would be taken for a host that nobody finds.
 */
export function urlProblem(url: string): string | undefined {
  const [, authority, tail] = /^(?:postgres|postgresql):\/\/([^/?#]{0,4096})(.*)$/s.exec(url) ?? [];
  if (authority === undefined || tail === undefined) {
    return url.startsWith('socket:') ? undefined : 'its URL is not of the form postgres://user:password@host/name';
  }
  const cut = !authority.includes('@') && authority.includes(':') && /^[^=]*@/.test(tail);
  const later = authority.includes('@') && /^[?#][^=]*@|^\/[^/?#=]*[/#][^=]*@/.test(tail);
  if (cut || later) {
    return 'its user or password holds a raw `@`, `/`, `?` or `#`; write %40 for @, %2F for /, %3F for ?, %23 for #, %25 for %, %3A for :';
  }
  const userinfo = authority.slice(0, Math.max(authority.lastIndexOf('@'), 0));
  if (/%(?![0-9a-f]{2})/i.test(userinfo)) return 'its user or password holds a raw `%`; write %25 for it';
  return undefined;
}
