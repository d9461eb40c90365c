// What Query computes of names, sizes and times: each measure takes one file after the other and keeps no more than it will tell. Pure.
import { Measure } from '../../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { localMinute } from '../../../../contract/text/fact-marks.ts';
import { compareNames, type WalkEntry } from '../../../files/walk.ts';
import { type FactWords, itemsText, numberText, sizeText } from './fact-words.ts';
import { type ClassWord, classesOf } from './file-class.ts';

export type MeasureWord = keyof typeof Measure;

export const measureWord = (value: Measure): MeasureWord =>
  (Object.keys(Measure) as MeasureWord[]).find((word) => Measure[word] === value) ?? 'UNSPECIFIED';

/** Takes the files that fit, and says what they come to. */
export interface Tally {
  add(entry: WalkEntry): void;
  /** @param partial whether there may be more files than came */
  text(words: FactWords, partial: boolean): string;
}

interface Known {
  readonly name: string;
  readonly size: number;
  readonly changedMs: number;
}

/** @param most items of a list @param start the name of the folder that is looked at; empty for all roots */
export function tallyOf(measure: MeasureWord, folders: boolean, most: number, start: string): Tally {
  switch (measure) {
    case 'TOTAL_SIZE':
      return new TotalSize();
    case 'LARGEST':
      return new Ranked(most, (a, b) => b.size - a.size, withSize);
    case 'SMALLEST':
      return new Ranked(most, (a, b) => a.size - b.size, withSize);
    case 'NEWEST':
      return new Ranked(most, (a, b) => b.changedMs - a.changedMs, withTime);
    case 'OLDEST':
      return new Ranked(most, (a, b) => a.changedMs - b.changedMs, withTime);
    case 'LIST':
      return new Ranked(
        most,
        () => 0,
        ({ name }) => name,
        true,
      );
    case 'BY_KIND':
      return new Grouped(most, ({ judged }) => classesOf(judged.name)[0] ?? 'OTHER', kindText);
    case 'BY_FOLDER':
      return new Grouped(most, folderOf, (folder) => folder);
    case 'FOLDER_SIZES':
      return new FolderSizes(most, start);
    default:
      return new Count(folders);
  }
}

const withSize = ({ name, size }: Known, words: FactWords) => `${name}${words.aside(sizeText(size, words))}`;
const withTime = ({ name, changedMs }: Known, words: FactWords) => `${name}${words.aside(localMinute(changedMs))}`;
const kindText = (kind: string, words: FactWords) => words.kind(kind as ClassWord | 'OTHER');
const folderOf = ({ judged }: WalkEntry): string =>
  judged.relative === '' ? judged.name : judged.name.slice(0, judged.name.lastIndexOf('/'));

class Count implements Tally {
  readonly #folders: boolean;
  #n = 0;

  constructor(folders: boolean) {
    this.#folders = folders;
  }

  add(): void {
    this.#n++;
  }

  text(words: FactWords, partial: boolean): string {
    if (this.#n === 0) return this.#folders ? words.noFolder : words.noFile;
    const text = this.#folders ? words.folders(this.#n) : words.files(this.#n);
    return partial ? words.atLeast(text) : text;
  }
}

class TotalSize implements Tally {
  #bytes = 0n;
  #files = 0;

  add({ stat }: WalkEntry): void {
    this.#files++;
    this.#bytes += stat.size;
  }

  text(words: FactWords, partial: boolean): string {
    if (this.#files === 0) return words.noFile;
    const exact = words.bytes(numberText(this.#bytes));
    const rough = sizeText(Number(this.#bytes), words);
    const inside = words.list([...(rough === exact ? [] : [exact]), words.files(this.#files)]);
    return `${partial ? words.atLeast(rough) : rough}${words.aside(inside)}`;
  }
}

/** The first of an order; among equals by name. */
class Ranked implements Tally {
  readonly #most: number;
  readonly #order: (a: Known, b: Known) => number;
  readonly #item: (file: Known, words: FactWords) => string;
  /** Whether the others are told as a number. */
  readonly #counts: boolean;
  #best: Known[] = [];
  #n = 0;

  constructor(
    most: number,
    order: (a: Known, b: Known) => number,
    item: (file: Known, words: FactWords) => string,
    counts = false,
  ) {
    this.#most = most;
    this.#order = order;
    this.#item = item;
    this.#counts = counts;
  }

  add({ judged, stat }: WalkEntry): void {
    this.#n++;
    this.#best.push({ name: judged.name, size: Number(stat.size), changedMs: Number(stat.mtimeMs) });
    if (this.#best.length >= 2 * this.#most + 16) this.#shorten();
  }

  text(words: FactWords): string {
    if (this.#n === 0) return words.noFile;
    this.#shorten();
    const items = this.#best.map((file) => this.#item(file, words));
    return itemsText(items, this.#counts ? this.#n - items.length : 0, words);
  }

  #shorten(): void {
    this.#best.sort((a, b) => this.#order(a, b) || compareNames(a.name, b.name));
    this.#best.length = Math.min(this.#best.length, this.#most);
  }
}

/** How many there are of each group, the largest groups first. */
class Grouped implements Tally {
  readonly #most: number;
  readonly #group: (entry: WalkEntry) => string;
  readonly #name: (group: string, words: FactWords) => string;
  readonly #groups = new Map<string, number>();

  constructor(most: number, group: (entry: WalkEntry) => string, name: (group: string, words: FactWords) => string) {
    this.#most = most;
    this.#group = group;
    this.#name = name;
  }

  add(entry: WalkEntry): void {
    const group = this.#group(entry);
    this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1);
  }

  text(words: FactWords): string {
    if (this.#groups.size === 0) return words.noFile;
    const sorted = [...this.#groups].sort(([a, m], [b, n]) => n - m || compareNames(a, b));
    const items = sorted.slice(0, this.#most).map(([group, n]) => `${this.#name(group, words)}: ${words.files(n)}`);
    return itemsText(items, sorted.length - items.length, words);
  }
}

/** How large each folder is with all that lies below it, the largest first, from the folder that is looked at downwards. */
class FolderSizes implements Tally {
  readonly #most: number;
  readonly #start: string;
  readonly #sizes = new Map<string, number>();

  constructor(most: number, start: string) {
    this.#most = most;
    this.#start = start;
  }

  add({ judged, stat }: WalkEntry): void {
    const least = Math.max(this.#start.length, judged.root.name.length);
    for (let end = judged.name.lastIndexOf('/'); end >= least; end = judged.name.lastIndexOf('/', end - 1)) {
      const folder = judged.name.slice(0, end);
      this.#sizes.set(folder, (this.#sizes.get(folder) ?? 0) + Number(stat.size));
    }
  }

  text(words: FactWords): string {
    if (this.#sizes.size === 0) return words.noFolder;
    const sorted = [...this.#sizes].sort(([a, m], [b, n]) => n - m || compareNames(a, b));
    const items = sorted.slice(0, this.#most).map(([folder, size]) => `${folder}${words.aside(sizeText(size, words))}`);
    return itemsText(items, this.#most === 1 ? 0 : sorted.length - items.length, words);
  }
}
