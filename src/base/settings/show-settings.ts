// Settings for people: the lines of `--print-config`, and the part of a verb's help that lists them. Pure.
import type { SettingTable } from './setting.ts';
import { fallbackText, fileName, fileVariant } from './setting-text.ts';
import type { SettledSettings } from './settle.ts';

/** What holds and where each setting came from, a line each or as JSON; secrets are masked. */
export function shownSettings({ rows }: Pick<SettledSettings, 'rows'>, json: boolean): string[] {
  if (json) {
    return [JSON.stringify(Object.fromEntries(rows.map(({ name, value, from }) => [name, { value, from }])), null, 2)];
  }
  const width = (pick: (row: (typeof rows)[number]) => string) => Math.max(...rows.map((row) => pick(row).length));
  const [names, values] = [width((row) => row.name), width((row) => row.value ?? '-')];
  return rows.map(({ name, value, from }) => `${name.padEnd(names)}  ${(value ?? '-').padEnd(values)}  ${from}`);
}

/** Every setting with its default by group, and what they have in common. */
export function settingsHelp(table: SettingTable): string {
  const { groups, rows } = table;
  const settings = Object.values(rows);
  const keyed = settings.some(({ key }) => key !== undefined);
  const width = Math.max(...settings.map(({ env }) => env.length));
  const lines: string[] = [];
  for (const [group, title] of Object.entries(groups)) {
    const inside = settings.filter((one) => one.group === group);
    if (inside.length > 0) lines.push('', `${title}:`);
    for (const setting of inside) {
      const notes = [setting.key, fallbackText(setting)].filter((note) => note !== undefined).join(': ');
      lines.push(`  ${setting.env.padEnd(width)}  ${setting.what}${notes === '' ? '' : ` (${notes})`}`);
    }
  }
  const secrets = settings.flatMap((setting) => (setting.kind === 'secret' ? [fileVariant(setting)] : []));
  const files = secrets.length === 0 ? '' : ` ${secrets.join(' and ')} name a file\nof mode 0600 that holds the value.`;
  return `
Settings, with their defaults. Each is a name of the environment and a NAME for --set. ${keyed ? `Its key in ${fileName(table)} stands in brackets` : `It is also a key of ${fileName(table)}`}. Flags
win over the environment, the environment over the file. Times are milliseconds, sizes bytes${keyed ? ', unless the name says otherwise' : ''}.${files}
${lines.join('\n')}`;
}
