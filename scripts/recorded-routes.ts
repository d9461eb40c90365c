// Writes examples/routes/recorded.jsonl: questions with checkable answers, and what a cheap and a dear model would have said. No model was
// asked: the answers are drawn from the error model below, always the same ones. What the file says of itself says so, too.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seeded } from '../test/support/seeded.ts';

const EACH = 30;

/** How often a model is right with a kind of question, where it answers at all. */
interface Skill {
  readonly small: number;
  readonly large: number;
}

interface Question {
  readonly question: string;
  readonly expected: string;
  /** A wrong answer that such a question gets. */
  readonly wrong: string;
}

type Random = () => number;

const pick = <T>(random: Random, all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
const whole = (random: Random, from: number, to: number): number => from + Math.floor(random() * (to - from + 1));

/** Off by a digit, as carried numbers are. */
const off = (random: Random, value: number): string => String(value + pick(random, [-10, 10, -1, 1, 100, -100]));

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const DIGITS = ['', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
const chinese = (n: number): string => `${n >= 20 ? DIGITS[Math.floor(n / 10)] : ''}十${DIGITS[n % 10]}`;
const WORDS = [
  'strawberry',
  'committee',
  'bookkeeper',
  'mississippi',
  'parallel',
  'occurrence',
  'balloon',
  'assessment',
];
const NAMES = ['Ada', 'Bo', 'Chen', 'Dora', 'Émile', '王芳'];

function product(random: Random, from: number, to: number): Question {
  const [a, b] = [whole(random, from, to), whole(random, 11, 99)];
  return { question: `What is ${a} times ${b}? Only the number.`, expected: String(a * b), wrong: off(random, a * b) };
}

const KINDS: Readonly<Record<string, { readonly skill: Skill; readonly make: (random: Random) => Question }>> = {
  sum: {
    skill: { small: 0.98, large: 0.995 },
    make: (random) => {
      const [a, b] = [whole(random, 10, 999), whole(random, 10, 999)];
      return {
        question: `What is ${a} plus ${b}? Only the number.`,
        expected: String(a + b),
        wrong: off(random, a + b),
      };
    },
  },
  product: { skill: { small: 0.72, large: 0.97 }, make: (random) => product(random, 11, 99) },
  'long product': { skill: { small: 0.4, large: 0.92 }, make: (random) => product(random, 101, 999) },
  weekday: {
    skill: { small: 0.55, large: 0.95 },
    make: (random) => {
      const date = new Date(Date.UTC(whole(random, 1950, 2040), whole(random, 0, 11), whole(random, 1, 28)));
      const day = date.getUTCDay();
      const iso = date.toISOString().slice(0, 10);
      return {
        question: `Which day of the week is ${iso}? Only the day.`,
        expected: DAYS[day]!,
        wrong: DAYS[(day + whole(random, 1, 6)) % 7]!,
      };
    },
  },
  letters: {
    skill: { small: 0.6, large: 0.93 },
    make: (random) => {
      const word = pick(random, WORDS);
      const letter = pick(random, [...word]);
      const count = [...word].filter((each) => each === letter).length;
      return {
        question: `How many times is ${letter} in ${word}? Only the number.`,
        expected: String(count),
        wrong: String(count + pick(random, count > 1 ? [-1, 1] : [1])),
      };
    },
  },
  units: {
    skill: { small: 0.93, large: 0.99 },
    make: (random) => {
      const km = whole(random, 2, 999);
      return {
        question: `How many metres are ${km} km? Only the number.`,
        expected: String(km * 1000),
        wrong: String(km * 100),
      };
    },
  },
  json: {
    skill: { small: 0.88, large: 0.98 },
    make: (random) => {
      const [name, amount] = [pick(random, NAMES), whole(random, 1, 500)];
      return {
        question: `"${name} paid ${amount} euros yesterday." As JSON with name and amount.`,
        expected: JSON.stringify({ name, amount }),
        wrong: JSON.stringify({ name, amount: amount * 10 }),
      };
    },
  },
  chinese: {
    skill: { small: 0.9, large: 0.98 },
    make: (random) => {
      const [a, b] = [whole(random, 11, 99), whole(random, 11, 99)];
      return {
        question: `${chinese(a)}加${chinese(b)}等于多少？只答数字。`,
        expected: String(a + b),
        wrong: off(random, a + b),
      };
    },
  },
};

/** What a model is like beside its skill. */
const MODELS = {
  small: { unread: 0.01, unreadJson: 0.15, flawed: 0.015, slow: 0.03, ms: [150, 900], words: [6, 30] },
  large: { unread: 0, unreadJson: 0.01, flawed: 0.002, slow: 0.004, ms: [900, 4000], words: [10, 45] },
} as const;

/** Two draws that make one of the bell curve (Box and Muller). */
const bell = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** How sure a model says that it is: more so where it is right, but the two overlap, as they do with real ones. */
function confidence(random: Random, isRight: boolean): number {
  const logit = (isRight ? 1.6 : 0.1) + bell(random);
  return Math.round(100 / (1 + Math.exp(-logit))) / 100;
}

function answer(random: Random, model: keyof typeof MODELS, kind: string, { question, expected, wrong }: Question) {
  const like = MODELS[model];
  const isSlow = random() < like.slow;
  const [from, to] = isSlow ? [25_000, 60_000] : like.ms;
  const used = {
    input_tokens: 40 + Math.ceil(question.length / 3),
    output_tokens: whole(random, like.words[0], like.words[1]),
    ms: whole(random, from, to),
  };
  const lot = random();
  const unread = kind === 'json' ? like.unreadJson : like.unread;
  if (lot < unread) return { end: 'unread', ...used };
  if (lot < unread + like.flawed) return { end: 'flawed', ...used };
  const isRight = random() < (KINDS[kind]?.skill[model] ?? 0);
  return { end: 'whole', text: isRight ? expected : wrong, confidence: confidence(random, isRight), ...used };
}

/** The whole file. */
export function recordedText(): string {
  const random = seeded(14);
  const head = {
    about: 'drawn from the error model of scripts/recorded-routes.ts; no model was asked',
    prices: { small: { input: 0.15, output: 0.6 }, large: { input: 2.5, output: 10 } },
  };
  const cases = Object.entries(KINDS).flatMap(([kind, { make }]) =>
    Array.from({ length: EACH }, (_, n) => {
      const made = make(random);
      const tiers = { small: answer(random, 'small', kind, made), large: answer(random, 'large', kind, made) };
      const { question, expected } = made;
      return { id: `${kind}-${n + 1}`, kind, question, expected, tiers };
    }),
  );
  return [head, ...cases].map((each) => `${JSON.stringify(each)}\n`).join('');
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '../examples/routes/recorded.jsonl'), recordedText());
