// The text of its article that a page tells programs (`articleBody` of schema.org, as JSON-LD), for pages that show it only by
// scripts. Pure.

/** Objects and lists of one piece of data that are looked into. */
const MOST_PARTS = 2000;

/** @param data pieces of JSON, of which any may be broken; the longest text is the article's */
export function toldArticle(data: Iterable<string>): string {
  let longest = '';
  for (const piece of data) {
    if (!piece.includes('articleBody')) continue;
    for (const body of bodiesOf(piece)) if (body.length > longest.length) longest = body;
  }
  return longest.trim();
}

function bodiesOf(piece: string): string[] {
  const bodies: string[] = [];
  const parts = [parsed(piece)];
  for (let at = 0; at < parts.length && at < MOST_PARTS; at++) {
    const part = parts[at];
    if (typeof part !== 'object' || part === null) continue;
    if ('articleBody' in part && typeof part.articleBody === 'string') bodies.push(part.articleBody);
    for (const inner of Object.values(part)) parts.push(inner);
  }
  return bodies;
}

function parsed(piece: string): unknown {
  try {
    return JSON.parse(piece);
  } catch {
    return undefined;
  }
}
