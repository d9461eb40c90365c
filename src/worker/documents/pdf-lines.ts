// Puts the pieces of text of a page of a PDF together to lines. Pure.

/** A piece as pdf.js gives it. */
export interface PdfPiece {
  readonly str: string;
  readonly hasEOL: boolean;
  readonly width: number;
  readonly height: number;
  /** The last two say where it stands. */
  readonly transform: readonly number[];
}

/** Of the height of a letter: a piece that is as near to the same piece before it was printed over it. */
const SAME_PLACE = 0.1;

/** Of the height of a letter: further up or down is another line. Marks above and below a line are nearer. */
const OTHER_LINE = 0.8;

export function linesOf(pieces: readonly PdfPiece[]): string {
  let lines = '';
  const last = new Map<string, PdfPiece>();
  let end: PdfPiece | undefined;
  for (const piece of pieces) {
    const before = piece.str.trim() === '' ? undefined : last.get(piece.str);
    last.set(piece.str, piece);
    // Printed again a little beside itself, a letter looks bold or has a shadow. It is read once.
    if (!before || !isOver(piece, before)) {
      if (piece.str !== '' && end && isElsewhere(piece, end)) lines += '\n';
      lines += piece.str;
    }
    if (piece.hasEOL) lines += '\n';
    if (piece.hasEOL) end = undefined;
    else if (piece.str !== '') end = piece;
  }
  return lines.trim();
}

function isOver({ transform, height }: PdfPiece, before: PdfPiece): boolean {
  const near = SAME_PLACE * height;
  const [x, y] = transform.slice(4);
  const [beforeX, beforeY] = before.transform.slice(4);
  return Math.abs(x! - beforeX!) < near && Math.abs(y! - beforeY!) < near;
}

/** Whether a piece stands on another line than the one before it, though nobody said that this one ended; of upright text. */
function isElsewhere(piece: PdfPiece, before: PdfPiece): boolean {
  if ([piece, before].some(({ transform, height }) => transform[1] !== 0 || transform[2] !== 0 || height === 0))
    return false;
  const [x, y] = piece.transform.slice(4);
  const [beforeX, beforeY] = before.transform.slice(4);
  const height = Math.max(piece.height, before.height);
  const apart = Math.abs(y! - beforeY!);
  // Back at the left it is another line even where columns do not stand at the same height.
  return apart > OTHER_LINE * height || (apart > SAME_PLACE * height && x! + piece.width < beforeX!);
}
