// What a question excludes ("except drafts", "除了草稿以外"): the built-in rules cannot leave anything out, so it is told and not searched for.

const EXCEPTION =
  /[,，]?\s{0,4}(?:\b(?:except(?:ing)?(?: for)?|but not|excluding|other than|apart from|leaving out|ignoring|not counting|without)\s{1,4}[^,.;?!，。；？！]{1,200}|(?:除了?|不包括|不包含|不含|不算|排除|去掉)[^,.;?!，。；？！]{1,60}?(?:以外|之外|外(?!\p{L})|(?=[,.;?!，。；？！]|$)))/iu;

/** The question without what it excludes, and those words. */
export function withoutExceptions(question: string): { readonly rest: string; readonly excluded: readonly string[] } {
  const excluded: string[] = [];
  let rest = question;
  for (let i = 0; i < 4; i++) {
    const match = EXCEPTION.exec(rest);
    if (!match) break;
    excluded.push(match[0].replace(/^[,，\s]+/, '').trim());
    rest = `${rest.slice(0, match.index)}${rest.slice(match.index + match[0].length)}`.trim();
  }
  // Nothing else is asked: then it was no exception.
  return /[\p{L}\p{N}]/u.test(rest) ? { rest, excluded } : { rest: question, excluded: [] };
}
