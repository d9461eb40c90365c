// What went wrong while a file was changed, in the words of the error table.
import { AppError } from '../../../../base/errors.ts';
import { isDiskFull } from '../../../../base/system-code.ts';

export function changeFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return isDiskFull(error)
    ? new AppError('DISK_FULL', { what: 'the file' }, { cause: error })
    : new AppError('FILE_UNREADABLE', {}, { cause: error });
}

/** The file is there, whatever is wrong with the disk: never DISK_FULL, which says that nothing changed. */
export function unsynced(cause: unknown): never {
  throw new AppError('FILE_UNREADABLE', {}, { cause });
}
