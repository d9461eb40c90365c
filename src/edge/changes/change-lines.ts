// One change of a path at a time: two that append at once would each write what the other had not read. A folder that is moved takes what
// is below it along, so changes there wait for it, and it waits for them.
import { formOf } from '../../base/same-name.ts';
import { contains } from '../config/config-places.ts';

interface Turn {
  readonly paths: readonly string[];
  readonly ended: Promise<unknown>;
}

export class ChangeLines {
  readonly #turns = new Set<Turn>();

  /** Acts when every earlier one of these paths, of a folder around one, or of what is below one, has ended; so two never wait for each other. */
  async inLine<T>(paths: readonly string[], act: () => Promise<T>): Promise<T> {
    const mine = paths.map((path) => formOf(path));
    const earlier = [...this.#turns].filter((turn) => meet(turn.paths, mine)).map(({ ended }) => ended);
    const result = Promise.all(earlier).then(act);
    const turn: Turn = { paths: mine, ended: result.catch(() => undefined) };
    this.#turns.add(turn);
    try {
      return await result;
    } finally {
      this.#turns.delete(turn);
    }
  }
}

const meet = (some: readonly string[], others: readonly string[]): boolean =>
  some.some((one) => others.some((other) => contains(one, other) || contains(other, one)));
