// Judges paths that come from outside: those of files that are put into a program's folder, and patterns of those taken out. Pure.

/** Bytes of a name that Linux has. */
const MAX_NAME_BYTES = 255;
/** Characters of a path, as the contract has it. */
export const MAX_PATH = 512;
const MAX_DEPTH = 16;

/** The segments of a relative path that stays where it is, or what is wrong with it. */
export function segmentsOf(path: string): readonly string[] | { readonly why: string } {
  if (path.length === 0 || path.length > MAX_PATH) return { why: `its path is not 1 to ${MAX_PATH} characters long` };
  if (path.startsWith('/')) return { why: 'its path is absolute' };
  if (/\p{Cc}/u.test(path) || !path.isWellFormed()) return { why: 'its path has control characters' };
  const segments = path.split('/');
  if (segments.length > MAX_DEPTH) return { why: `its path is deeper than ${MAX_DEPTH} folders` };
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..')
      return { why: 'its path has a segment ".", ".." or none' };
    if (Buffer.byteLength(segment) > MAX_NAME_BYTES)
      return { why: `a name in its path is longer than ${MAX_NAME_BYTES} bytes` };
  }
  return segments;
}
