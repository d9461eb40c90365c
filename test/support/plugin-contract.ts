// Builds the descriptor set of a plugin's contract from the text of its proto, with the rules of buf/validate at hand.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './stack.ts';

/** The descriptor set of one proto, its imports included. */
export function pluginContract(pkg: string, body: string): Uint8Array {
  const at = mkdtempSync(join(tmpdir(), 'bowline-test-plugin-'));
  try {
    cpSync(join(ROOT, 'third_party/proto/buf'), join(at, 'buf'), { recursive: true });
    const imports = body.includes('(buf.validate.') ? 'import "buf/validate/validate.proto";\n' : '';
    writeFileSync(join(at, 'a.proto'), `syntax = "proto3";\npackage ${pkg};\n${imports}${body}`);
    return execFileSync(join(ROOT, 'node_modules/.bin/buf'), ['build', at, '--as-file-descriptor-set', '-o', '-']);
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}
