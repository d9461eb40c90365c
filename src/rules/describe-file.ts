// What may be said of a file without its content: size class, type, time.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { FileInfo } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { timeMark } from '../contract/text/fact-marks.ts';
import type { AnswerLanguage } from './language.ts';
import { phrasesIn, sizeIn } from './phrases.ts';

/** `under 16 KiB, text/markdown, changed 2026-11-20 14:03` where it is read; what is not known is left out. */
export function aboutFile(info: FileInfo | undefined, language: AnswerLanguage): string {
  if (!info) return '';
  const when = info.modifyTime ? timeMark(timestampMs(info.modifyTime)) : '';
  const parts = [sizeIn(language, info.sizeClass), info.mediaType, when && phrasesIn(language).changed(when)];
  return parts.filter((part) => part !== '').join(', ');
}
