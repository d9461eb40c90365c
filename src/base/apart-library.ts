// Finds an optional library that is installed apart from Bowline's packages, or beside them. Loads nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The URL of its module, which lies at `entry` in the package; undefined when it is in neither place. */
export function findApart(folder: string, library: string, entry: string): string | undefined {
  const file = join(folder, 'node_modules', library, entry);
  if (existsSync(file)) return pathToFileURL(file).href;
  try {
    const url = import.meta.resolve(library);
    return existsSync(fileURLToPath(url)) ? url : undefined;
  } catch {
    return undefined;
  }
}
