// What a key does to the picture. Pure: the bytes of a terminal become keys, a key and the model become the next model and a wish.
import type { WatchModel } from './model.ts';

export type PressedKey = 'up' | 'down' | 'pageUp' | 'pageDown' | 'enter' | 'escape' | 'interrupt' | (string & {});

/** What is to be done outside of the picture. */
export type Wish = { readonly is: 'quit' } | { readonly is: 'cancel'; readonly run: string };

export interface Pressed {
  readonly model: WatchModel;
  readonly wish?: Wish;
}

const NAMED: Readonly<Record<string, PressedKey>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  '\x1b[5~': 'pageUp',
  '\x1b[6~': 'pageDown',
  '\r': 'enter',
  '\n': 'enter',
  '\x1b': 'escape',
  '\x03': 'interrupt',
  '\x04': 'interrupt',
};

/** Keys in what a terminal sent at once. A sequence that is not known is one key that nothing listens to. */
export function keysOf(text: string): PressedKey[] {
  const [letters = '', ...escaped] = text.split(ESCAPE);
  const found = escaped.flatMap((part) => {
    const sequence = SEQUENCE.exec(part)?.[0] ?? '';
    return [ESCAPE + sequence, ...part.slice(sequence.length)];
  });
  return [...letters, ...found].map((each) => NAMED[each] ?? each);
}

const ESCAPE = '\x1b';
/** What follows an escape: a function key with its numbers. */
const SEQUENCE = /^(?:\[[0-9;?<]{0,16}[A-Za-z~]|O[A-Za-z])/;

const HELP = 'j k ↑ ↓ PgUp PgDn move   Enter shows a run   Esc goes back   c cancels   q quits';
const PAGE = 10;
const STEPS: Readonly<Record<string, number>> = { up: -1, k: -1, down: 1, j: 1, pageUp: -PAGE, pageDown: PAGE };

export function press(model: WatchModel, key: PressedKey): Pressed {
  if (key === 'interrupt') return { model, wish: { is: 'quit' } };
  if (model.asksToCancel !== undefined) return answer(model, key, model.asksToCancel);
  const calm = { ...model, notice: '' };
  if (key === '?') return { model: { ...calm, notice: HELP } };
  if (key === 'q') return { model: calm, wish: { is: 'quit' } };
  const step = STEPS[key];
  if (step !== undefined) return { model: calm.shown ? scrolled(calm, step) : chosen(calm, step) };
  if (key === 'escape') return { model: { ...calm, shown: undefined } };
  if (key === 'enter' && calm.shown) return { model: { ...calm, shown: undefined } };
  if (key === 'enter') return show(calm);
  return key === 'c' ? { model: askToCancel(calm) } : { model: calm };
}

/** Only `y` and `n` are answers; anything else leaves the question where it is. */
function answer(model: WatchModel, key: PressedKey, run: string): Pressed {
  if (key === 'y')
    return { model: { ...model, asksToCancel: undefined, notice: 'cancelling …' }, wish: { is: 'cancel', run } };
  if (key === 'n' || key === 'escape') return { model: { ...model, asksToCancel: undefined, notice: '' } };
  return { model: { ...model, notice: '(press y or n)' } };
}

function chosen(model: WatchModel, step: number): WatchModel {
  if (model.runs.length === 0) return model;
  const at = model.runs.findIndex(({ id }) => id === model.chosen);
  const next = Math.min(Math.max(Math.max(at, 0) + step, 0), model.runs.length - 1);
  return { ...model, chosen: model.runs[next]?.id };
}

function scrolled(model: WatchModel, step: number): WatchModel {
  return model.shown ? { ...model, shown: { ...model.shown, from: Math.max(model.shown.from + step, 0) } } : model;
}

function show(model: WatchModel): Pressed {
  const run = model.chosen ?? model.runs[0]?.id;
  if (run === undefined) return { model: { ...model, notice: 'there is no run yet' } };
  return { model: { ...model, chosen: run, shown: { run, detail: undefined, from: 0 } } };
}

function askToCancel(model: WatchModel): WatchModel {
  const id = model.shown?.run ?? model.chosen ?? model.runs[0]?.id;
  const run = model.runs.find((each) => each.id === id);
  if (!run) return { ...model, notice: 'there is no run yet' };
  return run.isOpen
    ? { ...model, asksToCancel: run.id }
    : { ...model, notice: 'this run has ended: there is nothing to cancel' };
}
