// Tells what is no text although it could be read as such. Pure.

/** Whether it holds many characters that no text has. */
export function isBinary(text: string): boolean {
  const begin = text.slice(0, 4096);
  let odd = 0;
  for (const letter of begin) if (letter < ' ' && !'\t\n\v\f\r\u001b'.includes(letter)) odd++;
  return odd * 20 > begin.length;
}
