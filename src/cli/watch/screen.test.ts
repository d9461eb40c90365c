import { expect, test, vi } from 'vitest';
import { Screen, type Terminal } from './screen.ts';
import { span } from './spans.ts';

test('a line as wide as the terminal keeps its last letter: nothing is erased behind it', () => {
  vi.useFakeTimers();
  const written: string[] = [];
  const terminal: Terminal = {
    isTerminal: true,
    hasColour: false,
    size: () => ({ columns: 10, rows: 2 }),
    write: (text) => void written.push(text),
    open: () => {},
    close: () => {},
  };
  const screen = new Screen(terminal, () => [[span('灯塔 15:34:2')], [span('0123456789')]]);
  screen.open({ keys: () => {}, ended: () => {} });
  vi.runAllTimers();
  screen.close();
  vi.useRealTimers();
  expect(written.join('')).toContain('\x1b[2;1H\x1b[2K0123456789\x1b[0m');
  expect(written.join('')).not.toContain('\x1b[K');
});
