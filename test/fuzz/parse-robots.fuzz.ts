// A robots.txt of a stranger: whatever it holds, reading and matching it are within the time of a turn, and what it allows obeys
// what holds of every file.
import { ROBOTS_BYTES } from '../../src/worker/handlers/web/robots.ts';
import { robotsRules } from '../../src/worker/handlers/web/robots-rules.ts';
import { cpuMs } from './cpu-ms.ts';
import type { Fuzz, Random } from './fuzz.ts';

const NAMES = ['*', 'BowlineWeb', 'bowlineweb/1.0', 'Other', '* x', '', 'BowlineWebX'];
const FIELDS = ['User-agent', 'Disallow', 'Allow', 'Crawl-delay', 'Sitemap', 'user-agent ', 'allow', 'x'];
const PIECES = [
  'a',
  '*',
  '/',
  '$',
  '%61',
  '%2A',
  '%',
  '?',
  '&',
  '\u00e9',
  'ab',
  '#',
  ' ',
  '\0',
  'aaaaaaaaaaaaaaab',
  '**',
];
const ENDS = ['\n', '\r\n', '\r', '\n\n'];
/** Twice the limit of a turn: the machine of a fuzzer is busy. */
const MOST_MS = 100;

export const parseRobotsFuzz: Fuzz = {
  name: 'parse-robots',
  open: async () => ({
    round: async (random) => {
      const bytes = Buffer.from(fileOf(random)).subarray(0, ROBOTS_BYTES);
      const url = new URL(`https://a.example/${wordOf(random, 200)}`.slice(0, 4096));
      const began = cpuMs();
      const rules = robotsRules(bytes, random.chance(0.5), 'BowlineWeb');
      if (rules !== 'too many') {
        const allowed = rules.permits(url);
        if (typeof allowed !== 'boolean') throw new Error('no answer');
        if (!rules.permits(new URL('https://a.example/robots.txt'))) throw new Error('robots.txt itself is refused');
        if (!(rules.delay >= 0 && Number.isFinite(rules.delay))) throw new Error(`a pause of ${rules.delay}`);
        if (rules.permits(new URL(escaped(url))) !== allowed) throw new Error('another spelling is judged otherwise');
      }
      const took = cpuMs() - began;
      if (took > MOST_MS) throw new Error(`${Math.round(took)} ms of the processor`);
    },
    close: async () => {},
  }),
};

/** The same URL with each small letter of its path escaped. */
const escaped = ({ origin, pathname, search }: URL): string =>
  origin + pathname.replace(/(?<!%[0-9A-Fa-f]?)[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`) + search;

function fileOf(random: Random): string {
  if (random.chance(0.2))
    return lineOf(random)
      .repeat(1 + random.int(60_000))
      .slice(0, ROBOTS_BYTES);
  const lines = Array.from({ length: random.int(400) }, () => lineOf(random));
  const times = random.chance(0.3) ? 1 + random.int(40) : 1;
  return `${random.chance(0.1) ? '\ufeff' : ''}${lines.join('').repeat(times)}`;
}

function lineOf(random: Random): string {
  const field = random.pick(FIELDS);
  const value = /agent/i.test(field) ? random.pick(NAMES) : `${random.chance(0.9) ? '/' : ''}${wordOf(random, 60)}`;
  return `${field}:${random.chance(0.5) ? ' ' : ''}${value}${random.pick(ENDS)}`;
}

function wordOf(random: Random, most: number): string {
  const piece = () => random.pick(PIECES);
  if (random.chance(0.3)) return piece().repeat(random.int(most));
  return Array.from({ length: random.int(most) }, piece).join('');
}
