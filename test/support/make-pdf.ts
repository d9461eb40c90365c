// The smallest PDF that says something: lines of plain letters, one text a page.

/** @param pages the text of each; its lines end with `\n` */
export function makePdf(pages: readonly string[]): Uint8Array {
  const offsets: number[] = [];
  let text = '%PDF-1.4\n';
  const add = (body: string) => {
    offsets.push(text.length);
    text += `${offsets.length} 0 obj\n${body}\nendobj\n`;
  };
  add('<< /Type /Catalog /Pages 2 0 R >>');
  const kids = pages.map((_, at) => `${4 + at * 2} 0 R`).join(' ');
  add(`<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`);
  add('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  for (const [at, page] of pages.entries()) {
    const drawn = `BT /F1 24 Tf 72 700 Td (${page.split('\n').join(') Tj 0 -30 Td (')}) Tj ET`;
    const looks = '/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>';
    add(`<< /Type /Page /Parent 2 0 R ${looks} /Contents ${5 + at * 2} 0 R >>`);
    add(`<< /Length ${drawn.length} >>\nstream\n${drawn}\nendstream`);
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  text += `xref\n0 ${offsets.length + 1}\n0000000000 65535 f \n${table}`;
  text += `trailer << /Size ${offsets.length + 1} /Root 1 0 R >>\nstartxref\n${offsets.length === 0 ? 0 : text.indexOf('xref\n')}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}
