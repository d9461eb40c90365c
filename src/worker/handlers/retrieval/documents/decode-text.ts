// Bytes as text, in the charset that is said or marked, by default UTF-8. What is neither is told by the parser of documents, if at all:
// text in the wrong letters would be kept for good.
import { AppError } from '../../../../base/errors.ts';

/**
 * With its byte order mark, so that places in it stay right. Undefined where nobody said the charset and it is not UTF-8. Throws
 * DOCUMENT_UNREADABLE.
 */
export function decodeText(data: Uint8Array, charset: string): string | undefined {
  const label = charset || bomCharset(data) || 'utf-8';
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
  } catch (error) {
    throw new AppError(
      'DOCUMENT_UNREADABLE',
      { problem: `its charset ${label.slice(0, 40)} is unknown` },
      { cause: error },
    );
  }
  try {
    return decoder.decode(data);
  } catch (error) {
    if (!charset && label === 'utf-8') return undefined;
    const problem = `it is not text in ${decoder.encoding}`;
    throw new AppError('DOCUMENT_UNREADABLE', { problem }, { cause: error });
  }
}

function bomCharset(data: Uint8Array): string {
  if (data[0] === 0xff && data[1] === 0xfe) return 'utf-16le';
  return data[0] === 0xfe && data[1] === 0xff ? 'utf-16be' : '';
}
