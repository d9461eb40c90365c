// Writes a word so that a POSIX shell reads it back as it is.

/** Plain where nothing in it means something to a shell, else in single quotes. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
