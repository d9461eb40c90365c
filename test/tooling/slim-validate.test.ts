// The edge's bundle holds only a part of the validation rules' descriptor: enough for what the edge checks.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
// Plain JavaScript: the build must run on a Node that takes no types.
const { slimValidate } = (await import(join(ROOT, 'scripts/slim-validate.mjs'))) as { slimValidate: () => Plugin };
/** Every field of the edge's contracts, with the rules as `getOption` reads them. */
const ENTRY = `
import { getOption, hasOption, toJson } from '@bufbuild/protobuf';
import { field } from './gen/buf/validate/validate_pb.ts';
import { file_bowline_capability_fs_v1_fs as fs } from './gen/bowline/capability/fs/v1/fs_pb.ts';
import { file_bowline_capability_shell_v1_shell as shell } from './gen/bowline/capability/shell/v1/shell_pb.ts';
import { file_bowline_edge_v1_edge as edge } from './gen/bowline/edge/v1/edge_pb.ts';
import { file_bowline_local_v1_local as local } from './gen/bowline/local/v1/local_pb.ts';
export const fields = [fs, shell, edge, local].flatMap((file) => file.messages.flatMap((message) => message.fields))
  .filter((f) => hasOption(f, field))
  .map((f) => [f.parent.typeName + '.' + f.name, toJson(field.message, getOption(f, field))]);
`;

async function fieldsBy(plugins: Plugin[]): Promise<unknown> {
  const dir = mkdtempSync(join(ROOT, 'node_modules/.slim-'));
  try {
    const outfile = join(dir, 'fields.mjs');
    const stdin = { contents: ENTRY, resolveDir: ROOT };
    await build({ stdin, bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error', plugins });
    return ((await import(pathToFileURL(outfile).href)) as { fields: unknown }).fields;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test('every rule of the contracts that an edge serves is read the same from the part as from the whole', async () => {
  const whole = await fieldsBy([]);
  expect(whole).toEqual(expect.arrayContaining([['bowline.capability.fs.v1.ReadRequest.path', expect.anything()]]));
  expect(await fieldsBy([slimValidate()])).toEqual(whole);
});
