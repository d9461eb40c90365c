// Where the prepared databases lie, which the build makes: in `dist/`, beside the programs.
import { fileURLToPath } from 'node:url';

/** Names of the prepared databases, after those who store in them. */
export type PreparedName = 'control' | 'retrieval';

export const preparedPath = (name: PreparedName, module = import.meta.url): string =>
  fileURLToPath(new URL(`${module.endsWith('.ts') ? '../../../dist' : '.'}/prepared-${name}.zst`, module));
