// Reads the file of a program's settings, whose keys are the names of the environment. It judges keys and places; values are
// judged like those of any other source (settle.ts).
import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { readConfig } from '../config-file.ts';
import { AppError } from '../errors.ts';
import type { SettingTable } from './setting.ts';
import { fileName, namesOf } from './setting-text.ts';
import type { SettingTexts } from './sources.ts';

const scalar = v.union([v.string(), v.number(), v.boolean()]);
const value = v.optional(v.nullable(v.union([scalar, v.array(v.string())])));

/**
 * The settings of the file at `path`, which must be there, or else of `<home>/<program>.yaml`, which need not. Throws
 * CONFIG_INVALID with line and column, also when a file with a secret in it can be read by others.
 */
export function readSettingsFile(table: SettingTable, home: string, path: string | undefined): SettingTexts {
  const file = path ?? join(home, fileName(table));
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat && path !== undefined) throw new AppError('USAGE', { what: `there is no configuration file ${path}` });
  const schema = v.strictObject(Object.fromEntries(namesOf(table).map((name) => [name, value])));
  const read = readConfig(file, schema);
  const texts = Object.fromEntries(Object.entries(read.value).map(([name, raw]) => [name, textOf(raw)]));
  const secret = Object.values(table.rows).find(({ kind, env }) => kind === 'secret' && texts[env])?.env;
  if (stat && secret && (stat.mode & 0o077) !== 0) {
    read.fail([secret], `\`${secret}\` is a secret and other users can read this file; \`chmod 600\` it`);
  }
  return { from: 'file', texts, fail: (name, problem) => read.fail([name], problem) };
}

function textOf(raw: v.InferOutput<typeof value>): string | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (typeof raw === 'boolean') return raw ? '1' : '0';
  return Array.isArray(raw) ? raw.join(',') : String(raw);
}
