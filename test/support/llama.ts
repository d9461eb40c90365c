// Whether the optional node-llama-cpp and a GGUF file are here; if not, why the tests that need them are skipped. Installed by
// `make test-llama`.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where `make test-llama` installs it. */
export const LLAMA_FOLDER = join(ROOT, '.build/llama');

/** The file that the tests load: `BOWLINE_TEST_GGUF`, a path from the root of the project. */
export const GGUF = resolve(ROOT, process.env.BOWLINE_TEST_GGUF || '../shared/data/llama-2-tiny-random.gguf');

/** Why these tests cannot run; empty when they can. */
export function llamaProblem(): string {
  if (!existsSync(join(LLAMA_FOLDER, 'node_modules/node-llama-cpp')))
    return 'node-llama-cpp is not installed; run `make test-llama`';
  return existsSync(GGUF) ? '' : `there is no file ${GGUF}; set BOWLINE_TEST_GGUF`;
}
