// A word as a shell reads it back.
export const quotedForShell = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
