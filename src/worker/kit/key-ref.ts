// Where the key of a model lies: `file:NAME` (in the home's keys folder), `file:/path` or `env:NAME`. Never the key itself.
import { isAbsolute, join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { readPrivate } from '../../base/private-file.ts';
import { Secret } from '../../base/secret.ts';

export const KEY_REF = /^(?:env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:(?:\/[^\n]{1,1024}|[a-z0-9][a-z0-9._-]{0,62}))$/;

export type Env = Readonly<Record<string, string | undefined>>;

/** The path of a `file:` reference; undefined for others. */
function keyFile(ref: string, home: string): string | undefined {
  if (!ref.startsWith('file:')) return undefined;
  const name = ref.slice('file:'.length);
  return isAbsolute(name) ? name : join(homePaths(home).keys, name);
}

/** The key. Throws PROVIDER_KEY_MISSING when there is none, SECRET_FILE_UNSAFE when its file is not private. */
export function readKey(ref: string, model: string, home: string, env: Env): Secret {
  const file = keyFile(ref, home);
  const missing = (problem: string) => new AppError('PROVIDER_KEY_MISSING', { model, problem });
  if (file === undefined) {
    const name = ref.slice('env:'.length);
    const value = env[name]?.trim();
    if (!value) throw missing(`the environment has no ${name}`);
    return new Secret(value);
  }
  const text = readPrivate(file, { link: true, shared: isAbsolute(ref.slice('file:'.length)) })?.trim();
  if (!text) throw missing(`${file} is ${text === undefined ? 'not there' : 'empty'}`);
  return new Secret(text);
}
