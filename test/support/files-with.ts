// Looks for words in every file of a folder, byte by byte: plain, as hex and as base64 at each of its three alignments.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths below `folder` whose bytes hold `words`, or all of it but its edges in another spelling. */
export function filesWith(folder: string, words: string): string[] {
  const spellings = spellingsOf(words);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const bytes = readFileSync(path);
      return spellings.some((spelling) => bytes.includes(spelling));
    });
}

function spellingsOf(words: string): Buffer[] {
  const plain = Buffer.from(words, 'utf8');
  const base64 = [0, 1, 2].map((skip) => {
    const text = plain.subarray(skip).toString('base64url');
    return text.slice(0, text.length - 2);
  });
  const hex = plain.toString('hex');
  return [
    plain,
    Buffer.from(words, 'utf16le'),
    ...[hex, hex.toUpperCase(), ...base64, ...base64.map((text) => text.replace(/-/g, '+').replace(/_/g, '/'))].map(
      (t) => Buffer.from(t),
    ),
  ];
}
