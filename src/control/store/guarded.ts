// Puts the translation of failed statements around every method of a reader. Nothing else.
import { inStore } from '../../base/sql-failure.ts';

type Methods<T> = Record<keyof T, (...args: never[]) => Promise<unknown>>;

/** The same methods; what the driver throws becomes an AppError (see `storeError`). */
export function guarded<T extends Methods<T>>(methods: T): T {
  const wrap = ([name, method]: [string, (...args: never[]) => Promise<unknown>]) => [
    name,
    (...args: never[]) => inStore(() => method(...args)),
  ];
  return Object.fromEntries(Object.entries<(...args: never[]) => Promise<unknown>>(methods).map(wrap)) as T;
}
