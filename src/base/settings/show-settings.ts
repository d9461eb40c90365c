// Settings for people: the lines of `--print-config`, and the part of a verb's help that lists them. Pure.
import type { SettingTable } from './setting.ts';
import { fallbackText, fileVariant } from './setting-text.ts';
import type { Settled } from './settle.ts';

/** What holds and where each setting came from, a line each or as JSON; secrets are masked. */
export function shownSettings({ rows }: Pick<Settled, 'rows'>, json: boolean): string[] {
  if (json) {
    return [JSON.stringify(Object.fromEntries(rows.map(({ name, value, from }) => [name, { value, from }])), null, 2)];
  }
  const width = (pick: (row: (typeof rows)[number]) => string) => Math.max(...rows.map((row) => pick(row).length));
  const [names, values] = [width((row) => row.name), width((row) => row.value ?? '-')];
  return rows.map(({ name, value, from }) => `${name.padEnd(names)}  ${(value ?? '-').padEnd(values)}  ${from}`);
}

/** Every setting with its default by group, and what they have in common. */
export function settingsHelp({ program, groups, rows }: SettingTable): string {
  const settings = Object.values(rows);
  const width = Math.max(...settings.map(({ env }) => env.length));
  const lines: string[] = [];
  for (const [group, title] of Object.entries(groups)) {
    const inside = settings.filter((one) => one.group === group);
    if (inside.length > 0) lines.push('', `${title}:`);
    for (const setting of inside) {
      const fallback = fallbackText(setting);
      lines.push(`  ${setting.env.padEnd(width)}  ${setting.what}${fallback === undefined ? '' : ` (${fallback})`}`);
    }
  }
  const secrets = settings.flatMap((setting) => (setting.kind === 'secret' ? [fileVariant(setting)] : []));
  const files = secrets.length === 0 ? '' : ` ${secrets.join(' and ')} name a file\nof mode 0600 that holds the value.`;
  return `
Settings, with their defaults. Each is a name of the environment, a key of ${program}.yaml and a NAME for --set; flags win over
the environment, the environment over the file. Times are milliseconds, sizes bytes.${files}
${lines.join('\n')}`;
}
