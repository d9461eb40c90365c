// Two spellings of one page as one URL, so that a crawl reads it once (RFC 3986, section 6.2.2, on top of what WHATWG's parser does
// already: lower case of scheme and host, default ports, dot segments). Pure.

/** Parameters that tell where a reader came from and never what the page is. */
const TRACKING = /^(?:utm_[a-z_]+|gclid|dclid|fbclid|msclkid|yclid|mc_cid|mc_eid|igshid|_ga)$/i;
const UNRESERVED = /^[A-Za-z0-9._~-]$/;

export function normaliseUrl(url: URL): string {
  const clean = new URL(url);
  clean.hash = '';
  clean.hostname = clean.hostname.replace(/\.$/, '');
  clean.pathname = escapes(clean.pathname.replace(/\/{2,}/g, '/'));
  const parameters = clean.search
    .slice(1)
    .split('&')
    .filter((one) => one !== '' && !TRACKING.test(one.split('=', 1)[0]!));
  // A first `?` of what is set would be taken for the mark.
  clean.search = parameters.length === 0 ? '' : `?${escapes(parameters.join('&'))}`;
  return clean.href;
}

/** Escapes in upper case, and none where none is needed. */
function escapes(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (whole, digits: string) => {
    const letter = String.fromCharCode(Number.parseInt(digits, 16));
    return UNRESERVED.test(letter) && letter !== '.' ? letter : whole.toUpperCase();
  });
}
