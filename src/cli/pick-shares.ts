// Lets the owner choose at the terminal which files to share. The picker is loaded when it is asked for: an ask starts no slower for it.
import { AppError } from '../base/errors.ts';
import { inertLine } from '../base/inert.ts';
import type { CliIo } from './io.ts';
import { canRedraw } from './live-line.ts';

/** The most shares that the contract takes, of an ask and of a preview. */
export const MAX_SHARES = 512;

/** Throws USAGE for more `--share` than that. */
export function mustBeFewShares(shares: readonly string[]): void {
  if (shares.length > MAX_SHARES)
    throw new AppError('USAGE', { what: `at most ${MAX_SHARES} times --share; one quoted glob shares many files` });
}

/** How long a key is waited for: whoever is not there any more is not asked. */
const KEY_MS = 60_000;

type Keyboard = CliIo['stdin'] & { setRawMode(on: boolean): unknown };

/** Whether someone can be asked there. */
export const canPick = (io: CliIo): boolean =>
  io.stdin.isTTY === true && 'setRawMode' in io.stdin && io.stdout.isTTY === true && canRedraw(io.stderr, io.env);

/** The keys that are pressed from now on, one by one. Take them before the question is shown, and give them back. */
export class Keys {
  readonly #keyboard: Keyboard;

  private constructor(io: CliIo) {
    this.#keyboard = io.stdin as Keyboard;
  }

  /** What was typed before is no answer, and dropped. */
  static async take(io: CliIo): Promise<Keys> {
    const keys = new Keys(io);
    const keyboard = keys.#keyboard;
    keyboard.setRawMode(true);
    const drop = () => {};
    keyboard.on('data', drop).resume();
    // Two turns: in the first one the terminal is read.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    keyboard.pause();
    keyboard.off('data', drop);
    return keys;
  }

  /** Whether the next key is this one; any other key, Ctrl-C and a long silence say no. */
  nextIs(key: string): Promise<boolean> {
    const keyboard = this.#keyboard;
    return new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), KEY_MS);
      const done = (is: boolean) => {
        clearTimeout(timer);
        keyboard.off('data', onData).off('end', onEnd);
        resolve(is);
      };
      const onData = (data: Buffer | string) => done(String(data).toLowerCase() === key);
      const onEnd = () => done(false);
      keyboard.on('data', onData).on('end', onEnd).resume();
    });
  }

  giveBack(): void {
    this.#keyboard.setRawMode(false);
    this.#keyboard.pause();
  }
}

/** Those that the owner chose; none where the question was left. */
export async function pickShares(shares: readonly string[], io: CliIo): Promise<string[]> {
  const { autocompleteMultiselect, isCancel } = await import('@clack/prompts');
  const chosen = await autocompleteMultiselect<string>({
    message: 'Share for this question only (type to filter, Tab marks, Enter asks again, Esc leaves)',
    options: shares.map((share) => ({ value: share, label: inertLine(share) })),
    maxItems: 10,
    required: false,
    input: io.stdin as NodeJS.ReadStream,
    output: io.stderr as NodeJS.WriteStream,
    validate: (values) =>
      Array.isArray(values) && values.length > MAX_SHARES ? `at most ${MAX_SHARES} at once` : undefined,
  });
  return isCancel(chosen) ? [] : chosen;
}
