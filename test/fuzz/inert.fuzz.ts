// Text of strangers on a terminal: whatever comes, nothing that a terminal obeys or that an eye cannot see is left, and JSON means the same.
import { inert, inertJson, inertLine } from '../../src/base/inert.ts';
import type { Fuzz, Random } from './fuzz.ts';

const SEEDS = [
  'a',
  ' ',
  'é',
  '图',
  '👩',
  '🏽',
  'क',
  '\u200d',
  '\u200c',
  '\ufe0f',
  '\u00ad',
  '\u034f',
  '\u115f',
  '\u3164',
  '\u180e',
  '\u202e',
];
const WRITTEN = new Set(['\u200c', '\u200d', '\ufe0e', '\ufe0f', '\u180b', '\u180c', '\u180d', '\u180f']);
const MOST = 40;

export const inertFuzz: Fuzz = {
  name: 'inert',
  open: async () => ({
    round: async (random) => {
      const text = textOf(random);
      const shown = inert(text);
      if (/(?![\t\n])\p{Cc}/u.test(shown)) throw new Error(`a control is left of ${JSON.stringify(text)}`);
      const left = [...shown].filter((char) => /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u.test(char));
      if (left.some((char) => !WRITTEN.has(char))) {
        throw new Error(`something invisible is left of ${JSON.stringify(text)}`);
      }
      if (/[\n\t]/.test(inertLine(text))) throw new Error(`a line of ${JSON.stringify(text)} breaks`);
      if (JSON.parse(inertJson(text)) !== text) throw new Error(`JSON of ${JSON.stringify(text)} means something else`);
    },
    close: async () => {},
  }),
};

function textOf(random: Random): string {
  const one = () => (random.chance(0.5) ? random.pick(SEEDS) : String.fromCodePoint(codePoint(random)));
  return Array.from({ length: random.int(MOST) }, one).join('');
}

function codePoint(random: Random): number {
  const point = random.chance(0.5) ? random.int(0x3000) : random.int(0x10ffff);
  return point >= 0xd800 && point < 0xe000 ? 0x20 : point;
}
