// Loads sql.js. The bundle hands in the embedded WebAssembly; from source the package finds its own file.
import initSqlJs, { type SqlJsStatic } from 'sql.js';

/** Of the platform's WebAssembly what is used: this project has no types of browsers. */
interface Compiler {
  compile(bytes: Uint8Array): Promise<WebAssembly.Module>;
  readonly Instance: new (module: WebAssembly.Module, imports: object) => { readonly exports: object };
}

/**
 * SQLite in WebAssembly. Nothing keeps the bytes: handed over as `wasmBinary` they would stay for good, twice.
 * @param wasm bytes of `sql.js/dist/sql-wasm.wasm`; left out, they are read from the package
 */
export async function loadSqlJs(wasm?: Uint8Array): Promise<SqlJsStatic> {
  if (!wasm) return initSqlJs();
  const { WebAssembly: compiler } = globalThis as unknown as { WebAssembly: Compiler };
  const module = await compiler.compile(wasm);
  return initSqlJs({
    instantiateWasm: (imports, done) => {
      const instance = new compiler.Instance(module, imports);
      done(instance);
      return instance.exports;
    },
  });
}
