// Counts letters: characters that are no space, as `\s` of a regular expression has it. Pure.

export function lettersIn(text: string): number {
  let letters = 0;
  for (let at = 0; at < text.length; at++) if (!isSpace(text.charCodeAt(at))) letters++;
  return letters;
}

function isSpace(code: number): boolean {
  if (code <= 32) return code === 32 || (code >= 9 && code <= 13);
  if (code < 0xa0) return false;
  return code === 0xa0 || (code >= 0x1680 && OTHER_SPACES.has(code));
}

const OTHER_SPACES = new Set([
  ...[0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a],
  ...[0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff],
]);
