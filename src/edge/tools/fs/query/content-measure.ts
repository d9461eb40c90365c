// A measure of what is in files.
import type { WalkEntry } from '../../../files/walk.ts';
import type { FactWords } from './fact-words.ts';
import type { FileContent } from './file-content.ts';

export interface ContentMeasure {
  /** Whether files with such a name are meant at all. Default: all are. */
  reads?(name: string): boolean;
  /** Sees all files before the first is read. */
  sees?(entry: WalkEntry): void;
  take(entry: WalkEntry, content: FileContent): Promise<void>;
  /** @param partial whether there may be more than what came */
  text(words: FactWords, partial: boolean): string;
}
