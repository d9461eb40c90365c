// What is found of public sets of documents, and whether the warning that much is missing stands where much is missing.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReadArgs, Reading } from '../agents/documents.ts';
import type { AgentProcess } from '../harness/agent-process.ts';
import { lettersIn, type Score, scoreArticle, scoreLetters, scoreWords } from '../harness/document-score.ts';
import { DOCUMENT_SETS, type DocumentSet, hasPoppler, type Sample } from '../harness/document-sets.ts';
import { type Bench, type Measure, ofRounds, type Row } from '../harness/measure.ts';

/** Of a document; of one with less, much is missing. */
const LOW = 0.5;
/** Letters of a PDF; with fewer nothing can be told from its shares. */
const FEW = 20;
const QUICK_EVERY = 5;
const AT_ONCE = 2;

const BUDGETS = {
  articles: { found: 0.95, precision: 0.9 },
  PDF: { found: 0.95, precision: 0.95 },
} as const;

interface Judged extends Score {
  readonly set: string;
  readonly name: string;
  /** Found words of a PDF. */
  readonly words: number | undefined;
  readonly warning: string;
}

export const documents: Measure = {
  name: 'documents',
  what: 'what is found of public sets of documents',
  run: async (bench: Bench) => {
    const root = process.env.BOWLINE_BENCH_DOCUMENTS;
    const sets = await present(root, bench.say);
    if (root === undefined || sets.length === 0) return [];
    const agent = await bench.lab.agent('documents');
    await agent.call('open');
    const rows: Row[] = [];
    const all: Judged[] = [];
    for (const set of sets) {
      const samples = set.samples(join(root, set.folder)).filter((_, at) => !bench.quick || at % QUICK_EVERY === 0);
      const judged = await judgeAll(agent, set, samples);
      all.push(...judged);
      rows.push(...rowsOf(set, judged));
    }
    bench.say(`each document, the worst first: ${write(all)}`);
    return rows;
  },
};

async function present(root: string | undefined, say: Bench['say']): Promise<DocumentSet[]> {
  const poppler = await hasPoppler();
  return DOCUMENT_SETS.filter(({ folder, kind, from }) => {
    const there = root !== undefined && existsSync(join(root, folder));
    if (!there) say(`skipped: ${folder} is not in the folder BOWLINE_BENCH_DOCUMENTS; it comes from ${from}`);
    else if (kind === 'PDF' && !poppler) say(`skipped: ${folder} needs pdftotext (Poppler) to compare with`);
    return there && (kind !== 'PDF' || poppler);
  });
}

async function judgeAll(agent: AgentProcess, set: DocumentSet, samples: readonly Sample[]): Promise<Judged[]> {
  const judged: Judged[] = [];
  const waiting = samples.values();
  const work = async () => {
    for (const sample of waiting) {
      const one = await judge(agent, set, sample);
      if (one) judged.push(one);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return judged;
}

/** Undefined for what nobody can judge. A refusal finds nothing, and says so. */
async function judge(agent: AgentProcess, set: DocumentSet, sample: Sample): Promise<Judged | undefined> {
  const truth = await sample.truth();
  if (truth === undefined || (set.kind === 'PDF' && lettersIn(truth) < FEW)) return undefined;
  const { mediaType, charset, url } = sample;
  const asked: ReadArgs = { bytes: sample.bytes(), mediaType, charset, url };
  const reading = await agent.call<Reading>('read', asked);
  const { text, warning } = 'refused' in reading ? { text: '', warning: reading.refused } : reading;
  const score = set.kind === 'PDF' ? scoreLetters(truth, text) : scoreArticle(truth, text);
  const words = set.kind === 'PDF' ? scoreWords(truth, text).found : undefined;
  return { set: set.folder, name: sample.name, warning, words, ...score };
}

function rowsOf({ folder, kind }: DocumentSet, judged: readonly Judged[]): Row[] {
  const { found, precision } = BUDGETS[kind];
  const low = judged.filter((one) => (one.found ?? 1) < LOW);
  const warned = judged.filter(({ warning }) => warning !== '');
  const lowAndWarned = low.filter(({ warning }) => warning !== '').length;
  const row = (what: string, value: number, atLeast?: number): Row => ({
    measure: 'documents',
    what: `${folder}: ${what}`,
    ours: ofRounds('Bowline', 'share', [value]),
    peers: [],
    ...(atLeast === undefined ? {} : { budget: { atLeast, absolute: true } }),
  });
  const parts = kind === 'PDF' ? 'letters' : 'article';
  return [
    row(`${parts} found, ${judged.length} documents`, mean(judged.map((one) => one.found)), found),
    row(`${parts}, precision`, mean(judged.map((one) => one.precision)), precision),
    ...(kind === 'PDF' ? [row('words found', mean(judged.map(({ words }) => words)))] : []),
    ...(low.length === 0 ? [] : [row(`warned, of ${low.length} with less than half found`, lowAndWarned / low.length)]),
    ...(warned.length === 0
      ? []
      : [row(`with less than half found, of ${warned.length} warned`, lowAndWarned / warned.length)]),
  ];
}

function mean(values: readonly (number | undefined)[]): number {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? 1 : known.reduce((a, b) => a + b, 0) / known.length;
}

function write(all: readonly Judged[]): string {
  const folder = fileURLToPath(new URL('../../results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const share = (value: number | undefined) => value?.toFixed(3) ?? '-';
  const both = ({ found = 1, precision = 1 }: Score) => found + precision;
  const lines = [...all]
    .sort((a, b) => both(a) - both(b))
    .map((one) => [one.set, share(one.found), share(one.precision), one.name, one.warning].join('\t'));
  const file = join(folder, 'documents.tsv');
  writeFileSync(file, `${['set\tfound\tprecision\tname\twarning', ...lines].join('\n')}\n`);
  return file;
}
