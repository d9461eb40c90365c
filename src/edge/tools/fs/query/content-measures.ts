// What Query computes of what is in files: words, lines, how often terms occur, columns of tables, equal files. Each takes one file after the other.
import type { QueryRequest } from '../../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import type { JudgedPath } from '../../../allowlist/judge-path.ts';
import { placeGlob } from '../../../files/place-glob.ts';
import type { WalkEntry } from '../../../files/walk.ts';
import type { ContentMeasure } from './content-measure.ts';
import { type FactWords, itemsText, sizeText } from './fact-words.ts';
import type { FileContent } from './file-content.ts';
import { ColumnOfTables } from './table-column.ts';
import type { MeasureWord } from './tally.ts';
import { TermCounter } from './term-counter.ts';
import { WordCounter } from './word-counter.ts';

/** Undefined for a measure that needs no content. */
export function contentMeasure(
  measure: MeasureWord,
  { terms, column, copiesOf }: Pick<QueryRequest, 'terms' | 'column' | 'copiesOf'>,
  most: number,
): ContentMeasure | undefined {
  switch (measure) {
    case 'WORDS':
    case 'LINES':
      return new Counted(measure);
    case 'OCCURRENCES':
      return new Occurrences(terms, most);
    case 'DUPLICATES':
      return new Duplicates(most, placeGlob(copiesOf));
    case 'COLUMN_SUM':
    case 'COLUMN_AVERAGE':
    case 'COLUMN_MIN':
    case 'COLUMN_MAX':
    case 'COLUMN_COUNT':
      return new ColumnOfTables(measure, column);
    default:
      return undefined;
  }
}

class Counted implements ContentMeasure {
  readonly #measure: 'WORDS' | 'LINES';
  #words = 0;
  #characters = 0;
  #lines = 0;
  #files = 0;

  constructor(measure: 'WORDS' | 'LINES') {
    this.#measure = measure;
  }

  async take(entry: WalkEntry, content: FileContent): Promise<void> {
    const counter = new WordCounter();
    if (!(await content.text(entry, counter))) return;
    this.#files++;
    this.#words += counter.words;
    this.#characters += counter.characters;
    this.#lines += counter.lines;
  }

  text(words: FactWords, partial: boolean): string {
    if (this.#files === 0) return words.noFile;
    const text = this.#measure === 'LINES' ? words.lines(this.#lines) : words.words(this.#words, this.#characters);
    const inFiles = this.#files === 1 ? '' : words.aside(words.inFiles(this.#files));
    return `${partial ? words.atLeast(text) : text}${inFiles}`;
  }
}

class Occurrences implements ContentMeasure {
  readonly #terms: readonly string[];
  readonly #most: number;
  #best: { readonly name: string; readonly count: number }[] = [];
  #count = 0;
  #files = 0;

  constructor(terms: readonly string[], most: number) {
    this.#terms = terms;
    this.#most = most;
  }

  async take(entry: WalkEntry, content: FileContent): Promise<void> {
    const counter = new TermCounter(this.#terms);
    if (!(await content.text(entry, counter)) || counter.count === 0) return;
    this.#count += counter.count;
    this.#files++;
    this.#best.push({ name: entry.judged.name, count: counter.count });
    this.#best.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
    this.#best.length = Math.min(this.#best.length, this.#most);
  }

  text(words: FactWords, partial: boolean): string {
    const times = words.times(this.#count, this.#files);
    const told = this.#best.map(({ name, count }) => `${name}${words.aside(String(count))}`);
    if (this.#files > told.length) told.push(words.more(this.#files - told.length));
    const where = this.#count > 0 && this.#most > 1 ? `${words.colon}${words.list(told)}` : '';
    return `${partial ? words.atLeast(times) : times}${where}`;
  }
}

/** Files with the same content, by size and then by hash. Links to one file are one file. */
class Duplicates implements ContentMeasure {
  readonly #most: number;
  readonly #sizes = new Map<bigint, number>();
  readonly #sets = new Map<string, { readonly size: number; readonly names: Map<string, string>; isMeant: boolean }>();
  readonly #isMeant: (judged: JudgedPath) => boolean;

  /** @param isMeant whether copies of such a file are asked for */
  constructor(most: number, isMeant: (judged: JudgedPath) => boolean) {
    this.#most = most;
    this.#isMeant = isMeant;
  }

  sees({ stat }: WalkEntry): void {
    this.#sizes.set(stat.size, (this.#sizes.get(stat.size) ?? 0) + 1);
  }

  async take(entry: WalkEntry, content: FileContent): Promise<void> {
    const { size, dev, ino } = entry.stat;
    if (size === 0n || (this.#sizes.get(size) ?? 0) < 2) return;
    const hash = await content.hash(entry);
    if (!hash) return;
    const key = Buffer.from(hash).toString('latin1');
    const set = this.#sets.get(key) ?? { size: Number(size), names: new Map<string, string>(), isMeant: false };
    this.#sets.set(key, set);
    set.isMeant ||= this.#isMeant(entry.judged);
    const place = `${dev}:${ino}`;
    if (!set.names.has(place)) set.names.set(place, entry.judged.name);
  }

  text(words: FactWords): string {
    const sets = [...this.#sets.values()].filter(({ names, isMeant }) => isMeant && names.size > 1);
    if (sets.length === 0) return words.noDuplicates;
    sets.sort((a, b) => b.size * (b.names.size - 1) - a.size * (a.names.size - 1));
    const items = sets
      .slice(0, this.#most)
      .map(
        ({ size, names }) =>
          `${words.list([...names.values()].sort().slice(0, 20))}${words.aside(words.each(sizeText(size, words)))}`,
      );
    const list = itemsText(items, sets.length - items.length, words);
    if (sets.length === 1) return list;
    const files = sets.reduce((sum, { names }) => sum + names.size, 0);
    return `${words.equalSets(files, sets.length)}${words.colon}\n${list}`;
  }
}
