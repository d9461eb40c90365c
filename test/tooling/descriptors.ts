// Every contract of ours as its descriptors, so that the checks of contracts forget no file.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DescFile } from '@bufbuild/protobuf';
import { ROOT } from './workspace.ts';

/** The files below gen/bowline/, by path. */
export async function contractFiles(): Promise<readonly DescFile[]> {
  const paths = readdirSync(join(ROOT, 'gen/bowline'), { recursive: true, encoding: 'utf8' });
  const modules = paths.filter((path) => path.endsWith('_pb.ts')).sort();
  const loaded = await Promise.all(modules.map((path) => import(join(ROOT, 'gen/bowline', path))));
  return loaded.map((module: Record<string, unknown>, n) => {
    const file = Object.values(module).find((value) => (value as { kind?: string } | null)?.kind === 'file');
    if (file === undefined) throw new Error(`${modules[n]} has no descriptor of its file`);
    return file as DescFile;
  });
}
