// Reads a DOCX: its text with headings, lists and tables as HTML, which is read as other HTML is. Pictures are left out.
import mammoth from 'mammoth';

/** Rejects when it is no DOCX or is damaged. */
export async function docxHtml(bytes: Uint8Array): Promise<string> {
  const nothing = mammoth.images.imgElement(async () => ({ src: '' }));
  const { value } = await mammoth.convertToHtml({ buffer: Buffer.from(bytes) }, { convertImage: nothing });
  return `<!doctype html><body>${value}</body>`;
}
