// How many bytes may leave under a share. Pure.
import type { GrantedFile } from '../../../gen/bowline/journal/v1/journal_pb.ts';

/** Twice as many bytes as are shared, because a model may read a file again. */
const READ_AGAIN = 2;
/** What is told beside the text of a shared file: its size, its lines, 8 bytes a number. */
const BESIDE_BYTES = 1024;

export const capOf = (files: readonly GrantedFile[]): number =>
  READ_AGAIN * bytesOf(files) + BESIDE_BYTES * files.length;
const bytesOf = (files: readonly GrantedFile[]): number => files.reduce((sum, file) => sum + Number(file.bytes), 0);
