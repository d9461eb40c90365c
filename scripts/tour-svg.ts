// A picture of a terminal's lines as SVG: each run of letters with one style at its own column, in the colours of a theme.
import type { IBufferCell, IBufferLine } from '@xterm/headless';

/** Letters of one style. */
export interface Piece {
  readonly column: number;
  /** Columns that it takes. */
  readonly width: number;
  readonly text: string;
  /** Of the 16 colours; none is the colour of text. */
  readonly colour: number | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly underlined: boolean;
  readonly inverse: boolean;
}

interface Theme {
  readonly ground: string;
  readonly text: string;
  /** Black, red, green, yellow, blue, magenta, cyan, white; then the same, bright. */
  readonly colours: readonly string[];
}

const PALETTES: Readonly<Record<'light' | 'dark', Theme>> = {
  light: {
    ground: '#ffffff',
    text: '#24292f',
    colours:
      '#24292f #cf222e #116329 #7d4e00 #0969da #8250df #1b7c83 #6e7781 #57606a #a40e26 #1a7f37 #633c01 #218bff #a475f9 #3192aa #8c959f'.split(
        ' ',
      ),
  },
  dark: {
    ground: '#0d1117',
    text: '#e6edf3',
    colours:
      '#484f58 #ff7b72 #3fb950 #d29922 #58a6ff #bc8cff #39c5cf #b1bac4 #6e7681 #ffa198 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #ffffff'.split(
        ' ',
      ),
  },
};

const [CELL, ROW, EDGE, SIZE] = [8.4, 18, 12, 14];

/** @param text the letters of the line as they are to be shown, as long as those of the terminal */
export function piecesOf(line: IBufferLine, text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (let column = 0; column < line.length; column++) {
    const cell = line.getCell(column);
    if (!cell || cell.getWidth() === 0) continue;
    const letters = cell.getChars() || ' ';
    const shown = text.slice(at, at + letters.length) || ' ';
    at += letters.length;
    const last = pieces.at(-1);
    const style = styleOf(cell);
    const same =
      last &&
      last.column + last.width === column &&
      JSON.stringify(style) === JSON.stringify(styleOf(line.getCell(last.column)));
    // A wide letter stands alone, so that no font moves what follows.
    if (same && cell.getWidth() === 1 && last.width === last.text.length) {
      pieces[pieces.length - 1] = { ...last, width: last.width + 1, text: last.text + shown };
    } else pieces.push({ column, width: cell.getWidth(), text: shown, ...style });
  }
  return pieces.filter(({ text: letters, inverse }) => inverse || letters.trim() !== '');
}

function styleOf(cell: IBufferCell | undefined) {
  return {
    colour: cell?.isFgPalette() && cell.getFgColor() < 16 ? cell.getFgColor() : undefined,
    bold: Boolean(cell?.isBold()),
    dim: Boolean(cell?.isDim()),
    underlined: Boolean(cell?.isUnderline()),
    inverse: Boolean(cell?.isInverse()),
  };
}

export function svgOf(lines: readonly (readonly Piece[])[], columns: number, theme: 'light' | 'dark'): string {
  const { ground, text, colours } = PALETTES[theme];
  const [width, height] = [Math.ceil(columns * CELL + 2 * EDGE), lines.length * ROW + 2 * EDGE];
  const drawn = lines.flatMap((pieces, row) => pieces.flatMap((piece) => draw(piece, row, colours, text, ground)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="100%" height="100%" rx="6" fill="${ground}"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', monospace" font-size="${SIZE}" xml:space="preserve">`,
    ...drawn,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function draw(piece: Piece, row: number, colours: readonly string[], text: string, ground: string): string[] {
  const x = (EDGE + piece.column * CELL).toFixed(1);
  const y = EDGE + row * ROW;
  const wide = (piece.width * CELL).toFixed(1);
  const colour = piece.colour === undefined ? text : (colours[piece.colour] ?? text);
  const style = [
    `fill="${piece.inverse ? ground : colour}"`,
    piece.bold ? 'font-weight="bold"' : '',
    piece.dim ? 'opacity="0.65"' : '',
    piece.underlined ? 'text-decoration="underline"' : '',
  ].filter((each) => each !== '');
  const back = piece.inverse ? [`<rect x="${x}" y="${y}" width="${wide}" height="${ROW}" fill="${colour}"/>`] : [];
  return [
    ...back,
    `<text x="${x}" y="${y + ROW - 5}" textLength="${wide}" lengthAdjust="spacingAndGlyphs" ${style.join(' ')}>${escaped(piece.text)}</text>`,
  ];
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
