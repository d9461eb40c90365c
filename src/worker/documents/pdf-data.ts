// The tables that pdf.js needs beside its code: predefined CMaps (which letters the codes of a Chinese, Japanese or Korean font
// mean) and the standard fonts. In dist/ this module is replaced by one that carries them; see scripts/build.mjs.
import { readFileSync } from 'node:fs';

const FILES = {
  cMapUrl: { folder: 'cmaps', name: /^[\w-]{1,64}\.bcmap$/ },
  standardFontDataUrl: { folder: 'standard_fonts', name: /^[\w-]{1,64}\.(?:pfb|ttf)$/ },
} as const;

/** Undefined: there is no such table. */
export function pdfData(kind: string, filename: string): Uint8Array | undefined {
  const { folder, name } = FILES[kind as keyof typeof FILES] ?? {};
  if (!folder || !name.test(filename)) return undefined;
  try {
    return new Uint8Array(
      readFileSync(new URL(`../../../node_modules/pdfjs-dist/${folder}/${filename}`, import.meta.url)),
    );
  } catch {
    return undefined;
  }
}
