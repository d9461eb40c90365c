// Cuts a stream of text into lines as they come. Bounded: a line that is longer than that loses its beginning.

/** Takes text in any pieces, and tells each whole line once. */
export function lineSplitter(maxLine: number, onLine: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const parts = (rest + text).split('\n');
    rest = (parts.pop() ?? '').slice(-maxLine);
    for (const line of parts) onLine(line);
  };
}
