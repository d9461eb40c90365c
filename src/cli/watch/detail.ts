// The picture of one run: its words, its jobs with their attempts, what left the box for it, its answer. Pure.
import { elapsedText } from '../units.ts';
import { crossingLine } from './crossing-line.ts';
import type { JobLook, RunDetail, WatchModel } from './model.ts';
import { inWidth, type Line, span, wrap } from './spans.ts';
import { spanText, stateStyle } from './texts.ts';

/** Most lines of a text of the run. */
const TEXT_LINES = 40;

/** Exactly `room` lines at most, from the one that the owner scrolled to. */
export function detailLines(
  shown: NonNullable<WatchModel['shown']>,
  now: number,
  columns: number,
  room: number,
): Line[] {
  const title = span(`── run ${shown.run} ${'─'.repeat(Math.max(columns - 8 - shown.run.length, 0))}`, 'dim');
  if (!shown.detail) return [[title], [span('  reading …', 'dim')]];
  const all = linesOf(shown.detail, now, columns);
  const from = Math.min(shown.from, lastFrom(all.length, room - 1));
  return [[title], ...all.slice(from, from + Math.max(room - 1, 0))];
}

/** The furthest that it makes sense to scroll to. */
const lastFrom = (lines: number, room: number): number => Math.max(lines - Math.max(room, 1), 0);

function linesOf({ run, jobs, waitsFor, answer, left }: RunDetail, now: number, columns: number): Line[] {
  const took = elapsedText(Math.max((run.ended ?? now) - run.asked, 0));
  const texts = (text: string) => wrap(text, columns - 2, TEXT_LINES).map((line) => [span(`  ${line}`)]);
  return [
    ...wrap(run.text, columns, 4).map((line) => [span(line, 'bold')]),
    [span(run.state, stateStyle(run.state)), span(`, asked ${spanText(now - run.asked)} ago, ${took}`)],
    ...(waitsFor === '' ? [] : [[span(`waits for ${waitsFor}`, 'yellow')] as Line]),
    ...part(
      'jobs',
      jobs.map((job) => jobLine(job, columns)),
    ),
    ...part(
      'left the box',
      left.map((crossing) => crossingLine(crossing, columns)),
    ),
    ...(answer === '' ? [] : part('answer', texts(answer))),
  ];
}

const part = (name: string, lines: readonly Line[]): Line[] => [
  [],
  [span(name, 'dim')],
  ...(lines.length > 0 ? lines : [[span('  none', 'dim')]]),
];

function jobLine({ method, target, state, attempts, tookMs, problem }: JobLook, columns: number): Line {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return [
    span(`  ${inWidth(method, 18)} `),
    span(inWidth(state, 10), stateStyle(state)),
    span(inWidth(tries, 12), attempts > 1 ? 'yellow' : 'dim'),
    span(inWidth(tookMs === undefined ? '' : elapsedText(tookMs), 9), 'dim'),
    span(inWidth(problem === '' ? target : `${target}: ${problem}`, Math.max(columns - 52, 1))),
  ];
}
