// Whether an address stands in the owner's own words. Pure, and strict: a model that has seen private content must not be able
// to put any of it into an address, so an address is named only as a whole.

/** What may stand in a URL (RFC 3986). */
const ASCII_RUN = /[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+/g;
const OPENING = /^[("'[{<*_`]+/;
const CLOSING = /[.,;:!?)\]}>'"*_`]$/;
/** Marks that are taken off the end of one word. */
const MAX_CLOSING = 8;
/** Words of an ask that are looked at as addresses; what stands behind them is not named. */
const MAX_WORDS = 1_000;

/** Whether a URL or a host, as a whole, stands in a text, or its host is among `hosts`. */
export function isNamed(value: string, text: string, hosts: readonly string[]): boolean {
  const url = parse(value);
  // Spelled as anybody would: other spellings of the same address (its case, a tab, `/./`) could carry something themselves.
  if (url && value !== url.href && `${value}/` !== url.href && !text.includes(value)) return false;
  const host = url?.hostname ?? value;
  if (hosts.some((each) => each.toLowerCase() === host)) return true;
  let looked = 0;
  for (const word of words(text)) {
    if (!word.includes('.') && !word.includes(':')) continue;
    if (++looked > MAX_WORDS) return false;
    if (word === value) return true;
    const whole = parse(word);
    // Without a scheme it may be either.
    const named = whole ? [whole] : [parse(`https://${word}`), parse(`http://${word}`)];
    if (named.some((each) => each && (url ? each.href === url.href : each.hostname === host))) return true;
  }
  return false;
}

/** The words of a text, also where an address stands within another script, each with and without the marks behind it. */
function* words(text: string): Generator<string> {
  for (const word of [...text.split(/\s+/u), ...(text.match(ASCII_RUN) ?? [])]) {
    let bare = word.replace(OPENING, '');
    yield bare;
    for (let n = 0; n < MAX_CLOSING && CLOSING.test(bare); n++) {
      bare = bare.slice(0, -1);
      yield bare;
    }
  }
}

function parse(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text)) return undefined;
  return URL.parse(text) ?? undefined;
}
