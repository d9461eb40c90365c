// Makes a quote of Markdown read like text: cells of tables instead of bars, words of links instead of addresses, no signs of emphasis.

const LETTERS = /[\p{L}\p{N}]/gu;
/** Share of letters below which a line is no text. */
const LEAST = 0.4;
/** One name of a program: `matches.file.size_bytes`, `--share`, `node_modules/`. */
const BARE_NAME = /^`?[\w./-]{1,200}`?$/;
const JOINT = /[._/-]/;
const BAR = /(?<!\\)\|/;

/** The same words without markup. Only whole signs of markup go: `a_b` and `2 * 3` stay. */
export function readableText(text: string): string {
  let plain = text;
  if (/^\s*\|/.test(plain) || plain.split(BAR).length > 2) {
    plain = plain
      .split(BAR)
      .map((cell) => cell.trim())
      .filter((cell) => cell !== '')
      .join(' – ');
  }
  return plain
    .replace(/!?\[([^[\]\n]{1,300})\]\((?:[^()\s]{1,500})\)/g, '$1')
    .replace(/<\/?[a-z][^<>\n]{0,200}>/gi, '')
    .replace(/(?<![\w*])\*{2,3}(?=\S)([^*\n]{1,400}?)(?<=\S)\*{2,3}(?![\w*])/g, '$1')
    .replace(/(?<![\w*])\*(?=\S)([^*\n]{1,400}?)(?<=\S)\*(?![\w*])/g, '$1')
    .replace(/^\[[ xX]\]\s/, '')
    .replace(/[ \t]{2,}/g, ' ')
    .trim();
}

/** Whether a line reads like text, not like names of fields or signs. */
export function isReadable(text: string): boolean {
  const bare = text.trim();
  if (bare === '' || (BARE_NAME.test(bare) && JOINT.test(bare))) return false;
  return (bare.match(LETTERS)?.length ?? 0) >= LEAST * bare.replace(/\s/g, '').length;
}
