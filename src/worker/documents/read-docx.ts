// Reads a DOCX: its text with headings, lists and tables as HTML, which is read as other HTML is. Pictures are left out.
import mammoth from 'mammoth';
import { NO_FORMULAS } from './parsed.ts';

/** Rejects when it is no DOCX or is damaged. */
export async function docxHtml(bytes: Uint8Array): Promise<{ readonly html: string; readonly warning: string }> {
  const nothing = mammoth.images.imgElement(async () => ({ src: '' }));
  const { value, messages } = await mammoth.convertToHtml({ buffer: Buffer.from(bytes) }, { convertImage: nothing });
  const hasFormulas = messages.some(({ message }) => /[ }]oMath(?:Para)?$/.test(message));
  return { html: `<!doctype html><body>${value}</body>`, warning: hasFormulas ? NO_FORMULAS : '' };
}
