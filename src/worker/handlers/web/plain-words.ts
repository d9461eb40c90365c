// Words that search services set in HTML (`<strong>`, `&amp;`) as plain text of one line. Pure.

const NAMES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

export function plainWords(text: string, most: number): string {
  const plain = text
    .slice(0, 4 * most)
    .replace(/<\/?[a-z][^<>]{0,200}>/gi, '')
    .replace(
      /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi,
      (whole, decimal?: string, hex?: string, name?: string) => {
        if (name !== undefined) return NAMES[name.toLowerCase()] ?? whole;
        const point = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
        return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : '';
      },
    )
    .replace(/\s+/g, ' ')
    .trim();
  return plain.slice(0, most).toWellFormed();
}
