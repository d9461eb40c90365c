// Says in words what a file without readable text is, by its first bytes: of a picture its owner need not be told that it is damaged.
import { fileTypeFromBuffer } from 'file-type';

/** Bytes of the start that are looked at. */
const LOOKED_AT = 64 << 10;

/** Types whose first half says nothing to people. */
const NAMED: Readonly<Record<string, string>> = {
  'application/x-cfb':
    'a file of an old Office program (DOC, XLS, PPT), or locked with a password; save it as DOCX or PDF',
  'application/rtf': 'RTF; save it as DOCX or PDF',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'a spreadsheet (XLSX); save it as CSV',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'a presentation (PPTX); save it as PDF',
  'application/vnd.oasis.opendocument.spreadsheet': 'a spreadsheet (ODS); save it as CSV',
  'application/vnd.oasis.opendocument.presentation': 'a presentation (ODP); save it as PDF',
  'application/x-elf': 'a program',
  'application/vnd.microsoft.portable-executable': 'a program',
  'application/x-mach-binary': 'a program',
  'application/vnd.sqlite3': 'a database (SQLite)',
};
const ARCHIVES = new Set([
  'zip',
  'gz',
  'bz2',
  'xz',
  'zst',
  '7z',
  'rar',
  'tar',
  'lz',
  'cab',
  'deb',
  'rpm',
  'jar',
  'apk',
]);
const GROUPS: Readonly<Record<string, string>> = {
  image: 'a picture',
  audio: 'a sound',
  video: 'a film',
  font: 'a font',
};

/** E.g. `a picture (PNG)`; undefined where nothing is known of it. */
export async function whatItIs(bytes: Uint8Array): Promise<string | undefined> {
  const found = await fileTypeFromBuffer(bytes.subarray(0, LOOKED_AT)).catch(() => undefined);
  if (!found) return undefined;
  const { mime, ext } = found;
  const named = NAMED[mime];
  if (named !== undefined) return named;
  if (ARCHIVES.has(ext)) return `an archive (${ext.toUpperCase()}); unpack it`;
  return `${GROUPS[mime.split('/')[0]!] ?? 'a file of another kind'} (${ext.toUpperCase()})`;
}
