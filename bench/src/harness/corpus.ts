// A corpus that a seed makes: documents of passages about topics, in a made-up language whose words are as unevenly frequent as those of
// real ones (Zipf), and questions that were asked of one passage each, in partly other words.

export interface Question {
  readonly text: string;
  /** Document of the passage that it was asked of. */
  readonly document: string;
}

export interface Corpus {
  readonly documents: readonly { readonly id: string; readonly text: string }[];
  readonly questions: readonly Question[];
}

/** Passages of one document. */
const PER_DOCUMENT = 10;
const TOPICS = 200;
/** Words of a topic, beside the common ones. */
const TOPIC_WORDS = 60;
const COMMON_WORDS = 2_000;
const PASSAGE_WORDS = 90;
const QUESTION_WORDS = 8;

/** About `passages` passages of 90 words each; `questions` questions. */
export function makeCorpus(seed: number, passages: number, questions: number): Corpus {
  const random = mulberry32(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  /** Rank 1 as often as rank 2 and 3 together, and so on. */
  const zipf = <T>(items: readonly T[]): T => items[Math.floor(items.length ** random()) - 1]!;
  const syllables = Array.from(
    { length: 80 },
    () => pick([...'bdfgklmnprstvz']) + pick([...'aeiou']) + pick(['', '', 'n', 'r', 's']),
  );
  const word = () => Array.from({ length: 2 + Math.floor(random() * 3) }, () => pick(syllables)).join('');
  const common = Array.from({ length: COMMON_WORDS }, word);
  const topics = Array.from({ length: TOPICS }, () => Array.from({ length: TOPIC_WORDS }, word));
  const documents = Array.from({ length: Math.ceil(passages / PER_DOCUMENT) }, (_, at) => {
    const topic = topics[at % TOPICS]!;
    const paragraphs = Array.from({ length: PER_DOCUMENT }, () =>
      Array.from({ length: PASSAGE_WORDS }, () => (random() < 0.35 ? pick(topic) : zipf(common))),
    );
    return { id: `doc-${String(at).padStart(5, '0')}.txt`, paragraphs };
  });
  const asked = Array.from({ length: questions }, () => {
    const { id, paragraphs } = pick(documents);
    const said = pick(paragraphs);
    const words = Array.from({ length: QUESTION_WORDS }, () => {
      const one = pick(said);
      // Some in another form, some from elsewhere.
      const roll = random();
      if (roll < 0.25) return `${one.slice(0, -1)}${pick([...'aeiou'])}l`;
      return roll < 0.4 ? zipf(common) : one;
    });
    return { text: words.join(' '), document: id };
  });
  const text = (words: readonly string[]) => `${words.join(' ')}.`;
  return {
    documents: documents.map(({ id, paragraphs }) => ({ id, text: paragraphs.map(text).join('\n\n') })),
    questions: asked,
  };
}

/** Mulberry32: small, and the same everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
