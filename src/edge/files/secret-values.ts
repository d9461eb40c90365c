// Finds in a text what is said to be a secret by the name before it and looks like one: `api_key = "…"`, `password: …`, the password of an
// address. It is masked in content that is shared (value-mask.ts); what issuers mark as secret keeps a file from being shared at all
// (secret-content.ts). Every pattern is linear. Pure.

const NAME =
  '(?:pass(?:word|wd|phrase|wort)|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|credential|client[_-]?secret)';
/** What may stand between a name and its value: the end of the name, quotes, `=` or `:` or `=>`. */
const NAMED = new RegExp(
  `(${NAME}s?(?:_?[a-z0-9]{1,16})?["'\\\`]?[ \\t]{0,4}(?:=>|:=|[:=])[ \\t]{0,4}["'\\\`]?)([^\\s"'\\\`,;<>(){}\\[\\]]{8,256})`,
  'gi',
);
const ADDRESS = /(\/\/[^\s:/@]{1,64}:)([^\s@/"']{6,128})(?=@)/g;
const BEARER = /(\b(?:Bearer|Basic) )([A-Za-z0-9._~+/=-]{16,1024})/g;

/** Where something stands in a text: from `start` to before `end`. */
export interface TextPlace {
  readonly start: number;
  readonly end: number;
}

/** Where a text, each of its bytes a letter, holds a value that looks like a secret, in order. */
export function placesOfValues(text: string): TextPlace[] {
  const places: TextPlace[] = [];
  // A value that was found is filled with as many stars, so that all that follows stands where it stood.
  const fill =
    (looks: (value: string, before: string) => boolean) =>
    (whole: string, before: string, value: string, at: number): string => {
      if (isStandIn(value) || !looks(value, before)) return whole;
      const start = at + before.length;
      places.push({ start, end: start + value.length });
      return before + '*'.repeat(value.length);
    };
  text
    .replaceAll(NAMED, fill(looksRandom))
    .replaceAll(BEARER, fill(looksRandom))
    .replaceAll(
      ADDRESS,
      fill(() => true),
    );
  return places.sort((a, b) => a.start - b.start);
}

/** Bits of entropy a letter: words of a language and names have less, or letters alone. */
const LEAST_BITS = 2.75;

/** What stands in the place of a secret: a variable, a place, a mask, the word for it. */
const isStandIn = (value: string): boolean =>
  /^(?:[$%{<[/~*]|\.{1,2}\/|secret:|https?:|file:|env[.:]|os\.|process\.|(?:user|pass|password|passwd|secret|token|key)$)/i.test(
    value,
  ) || /\$\{|\*{3}/.test(value);

/** Whether a value is more like a secret than like words or the names of a program. */
function looksRandom(value: string, before: string): boolean {
  if (bitsOf(value) < LEAST_BITS) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9_.$-]/].filter((kind) => kind.test(value)).length;
  // Names of a program have one number at most; of passwords people make many are no more than that.
  const numbers = value.match(/[0-9]+/g)?.length ?? 0;
  const isName = /^[\w.$-]+$/.test(value) && numbers < (/^pass/i.test(before) ? 1 : 2);
  return kinds >= 2 && !isName;
}

function bitsOf(text: string): number {
  const counts = new Map<string, number>();
  for (const c of text) counts.set(c, (counts.get(c) ?? 0) + 1);
  return [...counts.values()].reduce((sum, n) => sum - (n / text.length) * Math.log2(n / text.length), 0);
}
