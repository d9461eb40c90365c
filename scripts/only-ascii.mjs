// esbuild leaves other letters than ASCII in regular expressions; one of them makes V8 keep the whole program as UTF-16.

/** As escapes they mean the same there. */
export function onlyAscii(text) {
  const escaped = (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(/[\u0080-\uffff]/g, escaped);
}
