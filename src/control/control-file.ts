// Reads control.yaml, whose keys are the names of the environment. It judges keys and places; values are judged like
// those of any other source (config.ts).
import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { readConfig } from '../base/config-file.ts';
import { AppError } from '../base/errors.ts';
import type { SettingTexts } from './config.ts';
import { settingNames, settingRows } from './settings.ts';

const scalar = v.union([v.string(), v.number(), v.boolean()]);
const value = v.optional(v.nullable(v.union([scalar, v.array(v.string())])));
const schema = v.strictObject(Object.fromEntries(settingNames().map((name) => [name, value])));

/**
 * The settings of the file at `path`, which must be there, or else of `<home>/control.yaml`, which need not. Throws
 * CONFIG_INVALID with line and column, also when a file with a secret in it can be read by others.
 */
export function readControlFile(home: string, path: string | undefined): SettingTexts {
  const file = path ?? join(home, 'control.yaml');
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat && path !== undefined) throw new AppError('USAGE', { what: `there is no configuration file ${path}` });
  const read = readConfig(file, schema);
  const texts = Object.fromEntries(Object.entries(read.value).map(([name, raw]) => [name, textOf(raw)]));
  const secrets = settingRows().filter(([, setting]) => setting.kind === 'secret' && texts[setting.env]);
  const [secret] = secrets[0] === undefined ? [] : [secrets[0][1].env];
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
