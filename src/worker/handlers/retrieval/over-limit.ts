// The error of a limit of retrieval that was met, with the setting that moves it.
import { AppError } from '../../../base/errors.ts';

/** LIMIT_EXCEEDED; `setting` is the name of the setting behind its common beginning, e.g. `DOCUMENT_PASSAGES`. */
export const overLimit = (what: string, limit: string, setting: string): AppError =>
  new AppError('LIMIT_EXCEEDED', { what, limit, setting: `BOWLINE_RETRIEVAL_${setting}` });
