// What is told of a file without its content.
import type { BigIntStats } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type FileInfo, FileInfoSchema, FileKind } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import type { Allowlist } from '../../allowlist/allowlist.ts';
import { toldSize } from '../../files/size-class.ts';
import type { FileNow } from '../../grants/grants.ts';
import { mediaTypeOf } from './media-type.ts';

/** @param realPath where it really is, links followed */
export function fileInfo(allow: Allowlist, name: string, realPath: string, stat: BigIntStats): FileInfo {
  const isFile = stat.isFile();
  return create(FileInfoSchema, {
    path: name,
    kind: kindOf(stat),
    ...(isFile
      ? { sizeClass: toldSize(allow, realPath, stat), mediaType: mediaTypeOf(name), sizeBytes: stat.size }
      : {}),
    modifyTime: timestampFromMs(Number(stat.mtimeMs)),
  });
}

/** Which file stands there now, as a grant freezes it. */
export const fileNow = ({ dev, ino, size }: BigIntStats, sha256: Uint8Array): FileNow => ({
  device: dev,
  inode: ino,
  bytes: size,
  sha256,
});

function kindOf(stat: BigIntStats): FileKind {
  if (stat.isFile()) return FileKind.FILE;
  if (stat.isDirectory()) return FileKind.FOLDER;
  return stat.isSymbolicLink() ? FileKind.LINK : FileKind.UNSPECIFIED;
}
