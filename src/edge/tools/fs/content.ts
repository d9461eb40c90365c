// Reads an open file whole, within the limit, and says where what it read comes from.
import { AppError } from '../../../base/errors.ts';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';
import type { FileOrigin } from '../../egress/origins.ts';
import { sha256 } from '../../egress/sha256.ts';
import { sizeClassOf } from '../../egress/size-class.ts';
import type { ToolParts } from '../tool.ts';

/** The whole content of the descriptor. @throws FILE_TOO_LARGE, FILE_CHANGED when it grows meanwhile, FILE_UNREADABLE */
export async function readContent({ handle, stat }: OpenFile, maxBytes: number): Promise<Buffer> {
  if (stat.size > maxBytes) throw new AppError('FILE_TOO_LARGE');
  const content = Buffer.allocUnsafe(Number(stat.size) + 1);
  let length = 0;
  try {
    while (length < content.length) {
      const { bytesRead } = await handle.read(content, length, content.length - length, length);
      if (bytesRead === 0) return content.subarray(0, length);
      length += bytesRead;
    }
  } catch (error) {
    throw new AppError('FILE_UNREADABLE', {}, { cause: error });
  }
  throw new AppError('FILE_CHANGED');
}

/** The origin of what was made from a file; `content` is exactly what was read, undefined when nothing was. */
export function originOf(file: OpenFile, content: Uint8Array | undefined): FileOrigin {
  return {
    kind: 'file',
    name: file.judged.name,
    realPath: file.realPath,
    device: file.stat.dev,
    inode: file.stat.ino,
    sha256: content && sha256(content),
    sizeClass: sizeClassOf(file.stat.size),
  };
}

/** The origin of a file that a grant of the run names, read and hashed; undefined without one. */
export async function grantedOrigin(
  parts: Pick<ToolParts, 'allow' | 'grants' | 'limits'>,
  judged: JudgedPath,
  run: string,
): Promise<FileOrigin | undefined> {
  if (!parts.grants.names(run, judged.name)) return undefined;
  const file = await parts.allow.openFile(judged);
  try {
    return originOf(file, await readContent(file, parts.limits.file_bytes));
  } finally {
    await file.handle.close();
  }
}
