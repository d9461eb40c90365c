// Loads sql.js. The bundle hands in the embedded WebAssembly; from source the package finds its own file.
import initSqlJs, { type SqlJsStatic } from 'sql.js';

/** SQLite in WebAssembly. @param wasm bytes of `sql.js/dist/sql-wasm.wasm`; left out, they are read from the package */
export function loadSqlJs(wasm?: Uint8Array): Promise<SqlJsStatic> {
  return initSqlJs(wasm ? { wasmBinary: Uint8Array.from(wasm).buffer } : {});
}
