// What goes over a limit that no setting raises: the error names the limit and what helps instead.
import { AppError } from './errors.ts';

/** LIMIT_EXCEEDED. `what` is a noun with its article; `remedy` what helps, e.g. `send fewer at once`. */
export function fixedLimit(what: string, limit: string | number, remedy: string): AppError {
  const message = `${what} is over the limit of ${limit}, which is fixed; ${remedy}`;
  return new AppError('LIMIT_EXCEEDED', { what, limit, remedy }, { message });
}
