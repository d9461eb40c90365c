// What a call has looked at and what it passed over, and why: for the answer's `looked`. It is told names, sizes and times, never
// anything that depends on what is in a file.
import { create } from '@bufbuild/protobuf';
import {
  type Looked,
  LookedSchema,
  UnseenFileSchema,
  UnseenReason,
  UnseenSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { SizeClass } from '../../../../gen/bowline/run/v1/run_pb.ts';

/** Files that are told for each reason. */
const TOLD = 5;

export type UnseenWord = Exclude<keyof typeof UnseenReason, 'UNSPECIFIED'>;

interface Skips {
  count: number;
  readonly files: { readonly path: string; readonly sizeClass: SizeClass }[];
}

export class Looking {
  /** Files that were looked at. */
  files = 0;
  /** Whether there is more than was counted. */
  more = false;
  readonly #skips = new Map<UnseenWord, Skips>();

  /** @param path as it is told; undefined: it cannot be */
  skip(why: UnseenWord, path?: string, sizeClass: SizeClass = SizeClass.UNSPECIFIED): void {
    const skips = this.#skips.get(why) ?? { count: 0, files: [] };
    this.#skips.set(why, skips);
    skips.count++;
    if (path !== undefined && path.length <= 4096 && skips.files.length < TOLD) skips.files.push({ path, sizeClass });
  }

  /** How many were passed over, by reason. */
  get skips(): ReadonlyMap<UnseenWord, Readonly<Skips>> {
    return this.#skips;
  }

  /** Whether something was passed over that may have been meant. What begins with a dot is meant by nobody who does not say so. */
  get partial(): boolean {
    return this.more || [...this.#skips.keys()].some((why) => why !== 'HIDDEN');
  }

  get skipped(): number {
    return [...this.#skips.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** As it leaves. */
  get looked(): Looked {
    return create(LookedSchema, {
      files: this.files,
      total: this.files + this.skipped,
      more: this.more,
      skipped: [...this.#skips].map(([why, { count, files }]) =>
        create(UnseenSchema, {
          why: UnseenReason[why],
          count,
          files: files.map((file) => create(UnseenFileSchema, file)),
        }),
      ),
    });
  }
}
