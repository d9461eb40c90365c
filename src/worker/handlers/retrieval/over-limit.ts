// The error of a limit of retrieval that was met, with the setting that moves it.
import { AppError, type SettingInWords } from '../../../base/errors.ts';

/** LIMIT_EXCEEDED. */
export const overLimit = (what: string, limit: string, setting: SettingInWords): AppError =>
  new AppError('LIMIT_EXCEEDED', { what, limit, setting });
