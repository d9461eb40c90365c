// Puts the pieces of text of a page of a PDF together to lines. Pure.

/** A piece as pdf.js gives it. */
export interface Piece {
  readonly str: string;
  readonly hasEOL: boolean;
  readonly height: number;
  /** The last two say where it stands. */
  readonly transform: readonly number[];
}

/** Of the height of a letter: a piece that is as near to the same piece before it was printed over it. */
const SAME_PLACE = 0.1;

export function linesOf(pieces: readonly Piece[]): string {
  let lines = '';
  const last = new Map<string, Piece>();
  for (const piece of pieces) {
    const before = piece.str.trim() === '' ? undefined : last.get(piece.str);
    last.set(piece.str, piece);
    // Printed again a little beside itself, a letter looks bold or has a shadow. It is read once.
    if (!before || !isOver(piece, before)) lines += piece.str;
    if (piece.hasEOL) lines += '\n';
  }
  return lines.trim();
}

function isOver({ transform, height }: Piece, before: Piece): boolean {
  const near = SAME_PLACE * height;
  const [x, y] = transform.slice(4);
  const [beforeX, beforeY] = before.transform.slice(4);
  return Math.abs(x! - beforeX!) < near && Math.abs(y! - beforeY!) < near;
}
