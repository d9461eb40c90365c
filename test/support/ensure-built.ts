// Before any test: the programs that tests start are built from the sources as they stand.
import { built } from './stack.ts';

export default async function ensureBuilt(): Promise<void> {
  await built();
}
