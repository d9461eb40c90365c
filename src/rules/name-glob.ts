// A file that a question names, as a pattern for it.
import { anyCase } from '../base/any-case.ts';
import { hasChinese } from './language.ts';

/** A pattern for a name or path in any letter case; a Chinese name may have lost a first character to the words before it. */
export function globFor(name: string): string {
  if (/^~?\//.test(name)) return anyCase(name);
  if (name.includes('/')) return `**/${anyCase(name)}`;
  if (hasChinese(name)) return `*${anyCase(name)}`;
  return name.includes('.') ? anyCase(name) : `${anyCase(name)}*`;
}
