import { expect, test } from 'vitest';
import { anyCase, asWritten } from './any-case.ts';
import { nameGlob } from './glob.ts';

test.each(['readme.md', 'README.md', 'Ärger.TXT', 'straße.md', '中文1.md', 'e\u0301.md'])('%s in any case', (name) => {
  const matches = nameGlob(anyCase(name));
  expect(matches(name)).toBe(true);
  expect(matches(name.replace(/\p{Ll}/gu, (letter) => (letter === 'ß' ? letter : letter.toUpperCase())))).toBe(true);
  expect(matches(`x${name}`)).toBe(false);
  expect(asWritten(anyCase(name))).toBe(name.normalize('NFC'));
});

test('a name that would make too long a pattern stays as it was written', () => {
  const long = `${'a'.repeat(100)}.md`;
  expect(anyCase(long)).toBe(long);
  expect(asWritten('[ab]*.md')).toBe('[ab]*.md');
});
