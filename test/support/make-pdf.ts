// The smallest PDF that says something: lines of plain letters, one text a page.

/** @param pages the text of each; its lines end with `\n` */
export function makePdf(pages: readonly string[]): Uint8Array {
  const kids = pages.map((_, at) => `${4 + at * 2} 0 R`).join(' ');
  const all = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  for (const [at, page] of pages.entries()) {
    const drawn = `BT /F1 24 Tf 72 700 Td (${page.split('\n').join(') Tj 0 -30 Td (')}) Tj ET`;
    const looks = '/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>';
    all.push(`<< /Type /Page /Parent 2 0 R ${looks} /Contents ${5 + at * 2} 0 R >>`, stream(drawn));
  }
  return pdfOf(all);
}

export interface PageParts {
  /** The object of the font `/F1`. */
  readonly font?: string;
  /** More of the page's dictionary. */
  readonly more?: string;
  /** Objects from number 6 on. */
  readonly objects?: readonly string[];
}

/** One page that shows what the operators in `drawn` draw. */
export function makePage(drawn: string, { font, more = '', objects = [] }: PageParts = {}): Uint8Array {
  return pdfOf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [4 0 R] /Count 1 >>',
    font ?? '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R ${more} >>`,
    stream(drawn),
    ...objects,
  ]);
}

const stream = (data: string): string => `<< /Length ${data.length} >>\nstream\n${data}\nendstream`;

/** A file of these objects, numbered from 1; the first is the catalog. */
function pdfOf(objects: readonly string[]): Uint8Array {
  let text = '%PDF-1.4\n';
  const offsets = objects.map((body, at) => {
    const offset = text.length;
    text += `${at + 1} 0 obj\n${body}\nendobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const start = text.length;
  text += `xref\n0 ${offsets.length + 1}\n0000000000 65535 f \n${table}`;
  text += `trailer << /Size ${offsets.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}
