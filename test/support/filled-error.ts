// An error of any reason of the tables, with something given for each name that its text wants.
import { AppError, ERRORS, type Reason } from '../../src/base/errors.ts';

/** The names in single braces of a text; the types of src/base/error-tables/row.ts find the same. */
export const placeholdersOf = (text: string): string[] =>
  [...text.replace(/\{\{\w+\}\}/g, '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);

export function filledError(reason: Reason, given: Readonly<Record<string, string>> = {}): AppError {
  const names = placeholdersOf(ERRORS[reason].message);
  const values = { ...Object.fromEntries(names.map((name) => [name, `some-${name}`])), ...given };
  return new (AppError as new (reason: Reason, values: Record<string, string>) => AppError)(reason, values);
}
