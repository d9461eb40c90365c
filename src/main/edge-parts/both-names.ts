// A file of the configuration by the name that it was given and by its real one, so that both can be denied.
import { realpathSync } from 'node:fs';

/** Also of a file that is not there yet. */
export function bothNames(file: string): string[] {
  try {
    return [file, realpathSync(file)];
  } catch {
    return [file];
  }
}
