// Reads the text that is drawn by the signatures, stamps, buttons and lists on a page of a PDF: the text of the page does not have
// it, only the list of its drawing steps has. Pictures in it are not decoded (see `maxImageSize` in read-pdf.ts).
import { getResolvedPDFJS } from 'unpdf';
import type { PdfPage } from './pdf-page.ts';

/** A gap that is a space, in thousandths of the height of a letter. */
const SPACE = 200;
/** Letters of one. */
const MOST_LETTERS = 20_000;

interface Glyph {
  readonly unicode?: unknown;
}

/** By id; undefined for one that draws no text, or when the page cannot be drawn. */
export async function appearancesOf(page: PdfPage): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  const { OPS, AnnotationMode } = await getResolvedPDFJS();
  const steps = await page.getOperatorList({ annotationMode: AnnotationMode.ENABLE }).catch(() => undefined);
  let id: string | undefined;
  let text = '';
  for (const [at, step] of steps?.fnArray.entries() ?? []) {
    const args: readonly unknown[] = steps?.argsArray[at] ?? [];
    if (step === OPS.beginAnnotation) [id, text] = [String(args[0]), ''];
    else if (step === OPS.endAnnotation) {
      const lines = text.split('\n').map((line) => line.trim());
      const shown = lines.filter((line) => line !== '').join('\n');
      if (id !== undefined && shown !== '') texts.set(id, shown);
      id = undefined;
    } else if (id === undefined || text.length > MOST_LETTERS) continue;
    else if (step === OPS.showText) text += drawn(args[0]);
    else if (step === OPS.moveText) text += args[1] === 0 ? ' ' : '\n';
    else if (step === OPS.setTextMatrix || step === OPS.nextLine || step === OPS.endText) text += '\n';
  }
  return texts;
}

function drawn(glyphs: unknown): string {
  let text = '';
  for (const glyph of Array.isArray(glyphs) ? glyphs : []) {
    if (typeof glyph === 'number') text += glyph < -SPACE ? ' ' : '';
    else {
      const { unicode } = (glyph ?? {}) as Glyph;
      text += typeof unicode === 'string' ? unicode : '';
    }
  }
  return text;
}
