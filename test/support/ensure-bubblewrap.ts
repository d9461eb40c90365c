// Before any test: sees to it that there is bubblewrap. Where it cannot be had the tests that need it say so.
import { bubblewrap, NO_BUBBLEWRAP } from './bubblewrap.ts';

export async function setup(): Promise<void> {
  await bubblewrap().catch((error: Error) => {
    process.env[NO_BUBBLEWRAP] = error.message;
  });
}
