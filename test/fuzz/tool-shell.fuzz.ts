// Commands of an edge: whatever words, paths and output come, nothing but an entry's own words runs, no word is more than a word, output stays
// within its limit, and the edge goes on.
import { matchArgv } from '../../src/edge/allowlist/argv-template.ts';
import { judgePath } from '../../src/edge/allowlist/judge-path.ts';
import { isRecursive } from '../../src/edge/tools/shell/recursive.ts';
import type { Fuzz, Random } from './fuzz.ts';

const TEMPLATES = [
  ['echo', '{word}'],
  ['cat', '{path}'],
  ['grep', '-r', '{word}', '{path}'],
  ['date'],
  ['lpr', '{n:1..9}', '{w:a*}'],
] as const;
const ROOT = { name: 'docs', path: '/srv/docs', realPath: '/srv/docs', readable: true };
const PIECES = [
  ...[
    '-',
    '--',
    '@',
    '+',
    '=',
    '~',
    '%',
    '.',
    '..',
    '/',
    ':',
    ' ',
    '\n',
    '\r',
    '\0',
    '$',
    '`',
    ';',
    '*',
    '\\',
    '"',
    "'",
  ],
  ...[
    'docs',
    'docs/',
    'a',
    'b.md',
    '0',
    'é',
    '图',
    'id_rsa',
    'server.key',
    '.env',
    'cat',
    'echo',
    'grep',
    '{word}',
    '{path}',
  ],
  ...['\u034f', '\u115f', '\u200b', '\u202e', '\u2028', '\u3164', '\ufeff', '\uff0d', '\ud800', '\u{e0001}'],
];
/** What a program could take for something else than a word, or a person for another one. */
const NO_WORD = /^[^\p{L}\p{N}_]|[^\p{L}\p{M}\p{N}_.,@+-]|\p{Default_Ignorable_Code_Point}/u;

export const toolShellFuzz: Fuzz = {
  name: 'tool-shell',
  open: async () => ({
    round: async (random) => {
      const template = random.pick(TEMPLATES);
      const argv = template.map((word) => (random.chance(0.8) && word.startsWith('{') ? wordOf(random) : word));
      if (random.chance(0.1)) argv.splice(random.int(argv.length + 1), 0, wordOf(random));
      isRecursive(argv);
      const matched = fits(template, argv);
      if (!matched) return;
      const said = JSON.stringify(argv);
      matched.argv.forEach((word, i) => {
        const expected = template[i];
        if (expected === '{word}' && NO_WORD.test(word)) throw new Error(`no plain word passed: ${said}`);
        if (expected === '{n:1..9}' && !/^[1-9]$/.test(word)) throw new Error(`no number passed: ${said}`);
        if (expected === '{w:a*}' && (NO_WORD.test(word) || !word.startsWith('a')))
          throw new Error(`a word that does not fit passed: ${said}`);
        if (expected === '{path}' && !(word === ROOT.realPath || word.startsWith(`${ROOT.realPath}/`)))
          throw new Error(`a path leads out: ${said}`);
        if (expected === '{path}' && /^[-@+~%]|=|\p{Cc}/u.test(argv[i] ?? ''))
          throw new Error(`a reference passed: ${said}`);
        if (!expected?.startsWith('{') && word !== expected) throw new Error(`another word runs: ${said}`);
      });
    },
    close: async () => {},
  }),
};

const wordOf = (random: Random): string => Array.from({ length: random.int(6) }, () => random.pick(PIECES)).join('');

function fits(template: readonly string[], argv: readonly string[]) {
  try {
    return matchArgv(template, argv, (path) => judgePath(path, [ROOT], () => false));
  } catch {
    return undefined;
  }
}
