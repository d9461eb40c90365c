// Bytes as text, in the charset that is said, by default UTF-8. Nothing is guessed: text in the wrong letters would be kept for good.
import { AppError } from '../../../../base/errors.ts';

/** With its byte order mark, so that places in it stay right. Throws DOCUMENT_UNREADABLE. */
export function decodeText(data: Uint8Array, charset: string): string {
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
    const problem = charset
      ? `it is not text in ${decoder.encoding}`
      : 'it is not UTF-8 text; say its charset in the media type, e.g. text/plain; charset=gb18030';
    throw new AppError('DOCUMENT_UNREADABLE', { problem }, { cause: error });
  }
}

function bomCharset(data: Uint8Array): string {
  if (data[0] === 0xff && data[1] === 0xfe) return 'utf-16le';
  return data[0] === 0xfe && data[1] === 0xff ? 'utf-16be' : '';
}
