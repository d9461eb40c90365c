// The bytes of SQLite's WebAssembly. In the bundle this module is replaced by one that carries them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export function sqlWasm(): Uint8Array {
  return readFileSync(createRequire(import.meta.url).resolve('sql.js/dist/sql-wasm.wasm'));
}
