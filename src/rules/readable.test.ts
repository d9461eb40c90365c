// Quotes read like text, and nothing of their words is lost.
import { expect, test } from 'vitest';
import { isReadable, readableText } from './readable.ts';

test.each([
  ['| Queue of one conversation | 20 | `BOWLINE_X` |', 'Queue of one conversation – 20 – `BOWLINE_X`'],
  ['See [the guide](docs/guide.md) for **more** of *it*.', 'See the guide for more of it.'],
  ['a_b and 2 * 3 * 4 stay', 'a_b and 2 * 3 * 4 stay'],
  ['[x] Book the hall', 'Book the hall'],
  ['The <b>venue</b> is 2 < 3', 'The venue is 2 < 3'],
  ['发布日期是**五月十四日**。', '发布日期是五月十四日。'],
])('%s', (text, plain) => expect(readableText(text)).toBe(plain));

test.each(['matches.file.size_bytes', '`total_lines`', '--- === ---', '|---|:--|', ''])('%s is not shown', (text) =>
  expect(isReadable(text)).toBe(false),
);
test.each(['It opens at six.', '五月十四日', 'Owner: Ada', '42 kg'])('%s is shown', (text) =>
  expect(isReadable(text)).toBe(true),
);
