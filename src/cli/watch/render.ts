// The picture of `watch`: a pure function of what is known and of the size of the terminal. It gives exactly as many lines as there are
// rows, none wider than the terminal.
import { widthOf } from '../../base/text-columns.ts';
import { bytesText, countText, elapsedText } from '../units.ts';
import { crossingLine } from './crossing-line.ts';
import { detailLines } from './detail.ts';
import type { BoxLook, ControlLook, RunLook, SideLook, WatchModel, WorkerLook } from './model.ts';
import { clip, inWidth, type Line, span, wrap } from './spans.ts';
import { dayTimeText, spanText, stateStyle } from './texts.ts';

/** Names of the parts at the left, and what is indented below them. */
const NAME = 9;
const INDENT = ' '.repeat(NAME);
/** Of the rows that are left for lists. */
const WORKERS_SHARE = 5;

export function render(model: WatchModel, columns: number, rows: number): Line[] {
  const top = [
    ...head(model, columns),
    ...boxLines(model.box, model.now, columns),
    ...controlLines(model.control, model.now, columns),
  ];
  const footer = footerLine(model);
  const room = Math.max(rows - top.length - 1, 0);
  const middle = model.shown ? detailLines(model.shown, model.now, columns, room) : listLines(model, columns, room);
  const body = [...top, ...middle].slice(0, Math.max(rows - 1, 0));
  while (body.length < rows - 1) body.push([]);
  return (rows > 0 ? [...body, footer] : []).map((line) => clip(line, columns));
}

function head({ home, now }: WatchModel, columns: number): Line[] {
  const clock = dayTimeText(now);
  return [[span('bowline watch', 'bold'), span(inWidth(`  ${home}`, columns - 13 - clock.length)), span(clock, 'dim')]];
}

function sideLines<T>(name: string, side: SideLook<T>, now: number, columns: number, told: (view: T) => Line): Line[] {
  if (side.is === 'asked') return [[span(name.padEnd(NAME)), span('asking …', 'dim')]];
  if (side.is === 'here') return [[span(name.padEnd(NAME)), ...told(side.told)]];
  const away = span(`away for ${spanText(now - side.since)}`, 'red');
  return [[span(name.padEnd(NAME)), away], ...sentence(side.why, columns)];
}

/** A sentence about what is wrong, below the name of its side. It says what to do, so it is not cut before its second line. */
const sentence = (text: string, columns: number): Line[] =>
  wrap(text, Math.max(columns - NAME, 1), 2).map((line) => [span(INDENT), span(line, 'yellow')]);

const problemLines = (problems: readonly string[], columns: number): Line[] =>
  problems.slice(0, 2).flatMap((problem) => sentence(problem, columns));

function boxLines(side: SideLook<BoxLook>, now: number, columns: number): Line[] {
  const first = sideLines('box', side, now, columns, (box) => [
    span(box.name || '(not joined)'),
    span(', '),
    span(box.connection, box.connection === 'connected' ? 'green' : 'yellow'),
    span(`, model ${box.model}, ${bytesText(box.memoryBytes)}, ${countText(box.toolCalls, 'tool call')}`),
  ]);
  if (side.is !== 'here') return first;
  return [
    ...first,
    [span(INDENT), span(`may read ${side.told.mayRead}`, 'dim')],
    ...problemLines([side.told.waitingYes, ...side.told.problems].filter(Boolean), columns),
  ];
}

function controlLines(side: SideLook<ControlLook>, now: number, columns: number): Line[] {
  const first = sideLines('control', side, now, columns, (control) => [
    span(`${control.where}, ${control.database}, ${countText(control.devices, 'device')}, `),
    span(`${countText(control.openRuns, 'open run')}, ${countText(control.waitingJobs, 'job')} waiting`),
    span(`, ${bytesText(control.memoryBytes)}`, 'dim'),
  ]);
  return side.is === 'here' ? [...first, ...problemLines(side.told.problems, columns)] : first;
}

/** Workers, runs and the strip of what left, each with its share of the rows; what one does not need the others have. */
function listLines(model: WatchModel, columns: number, room: number): Line[] {
  const { runs, crossings } = model;
  const lists = Math.max(room - 2, 0);
  const [wantRuns, wantStrip] = [Math.max(runs.length, 1), Math.max(crossings.length, 1)];
  const forWorkers = Math.max(lists - wantRuns - wantStrip, Math.floor(lists / WORKERS_SHARE), 1);
  const workers = model.control.is === 'here' ? workerLines(model.workers, forWorkers) : [];
  const rest = Math.max(lists - workers.length, 0);
  const strip = Math.max(Math.min(wantStrip, Math.floor(rest / 2)), Math.min(rest - wantRuns, wantStrip), 0);
  const shownRuns = runLines(model, columns, Math.min(rest - strip, wantRuns));
  const open = runs.filter(({ isOpen }) => isOpen).length;
  return [
    ...workers,
    title('runs', runs.length === 0 ? '' : `${open} open`, columns),
    ...shownRuns,
    title('left the box', totalsText(model), columns),
    ...crossingLines(model, columns, rest - shownRuns.length),
  ];
}

function title(name: string, about: string, columns: number): Line {
  const text = about === '' ? `── ${name} ` : `── ${name}: ${about} `;
  return [span(`${text}${'─'.repeat(Math.max(columns - widthOf(text), 0))}`, 'dim')];
}

function totalsText({ totals, now }: WatchModel): string {
  const since = `in ${spanText(now - totals.since)}`;
  if (totals.bytes.size === 0) return `nothing new ${since}`;
  const each = [...totals.bytes].map(([to, bytes]) => `${bytesText(bytes)} to ${to}`).join(', ');
  return `${totals.atLeast ? 'at least ' : ''}${each} ${since}`;
}

function workerLines(workers: readonly WorkerLook[], most: number): Line[] {
  const name = (at: number) => span((at === 0 ? 'workers' : '').padEnd(NAME));
  if (workers.length === 0) return [[name(0), span('none is connected: asks wait', 'yellow')]];
  const shown = workers.length > most ? workers.slice(0, Math.max(most - 1, 0)) : workers;
  const lines: Line[] = shown.map((worker, at) => [
    name(at),
    span(worker.name, 'bold'),
    span(`  ${worker.busy} of ${countText(worker.slots, 'slot')} busy`, worker.busy > 0 ? 'cyan' : undefined),
    span(worker.draining ? ', leaves' : '', 'yellow'),
    span(`  ${worker.serves.join(' ')}`),
    span(worker.models.length > 0 ? `  ${worker.models.join(', ')}` : '', 'dim'),
  ]);
  const more = workers.length - shown.length;
  return more > 0 ? [...lines, [name(lines.length), span(`and ${countText(more, 'worker')} more`, 'dim')]] : lines;
}

function runLines({ runs, chosen, now, control }: WatchModel, columns: number, most: number): Line[] {
  if (runs.length === 0 && most > 0) {
    const none = control.is === 'here' ? 'no runs yet; ask something with: bowline ask' : 'not known now';
    return [[span(`  ${none}`, 'dim')]];
  }
  const at = Math.max(
    runs.findIndex(({ id }) => id === chosen),
    0,
  );
  const from = Math.max(0, Math.min(at - Math.floor(most / 2), runs.length - most));
  const devices = Math.min(Math.max(...runs.map(({ device }) => device.length), 0), 12);
  return runs.slice(from, from + Math.max(most, 0)).map((run) => runLine(run, run === runs[at], now, devices, columns));
}

function runLine(run: RunLook, isChosen: boolean, now: number, devices: number, columns: number): Line {
  const took = elapsedText(Math.max((run.ended ?? now) - run.asked, 0));
  const taken = 2 + 11 + 9 + 11 + devices + 2;
  return [
    span(isChosen ? '> ' : '  ', 'bold'),
    span(inWidth(run.state, 11), stateStyle(run.state)),
    span(inWidth(`${spanText(now - run.asked)} ago`, 11), 'dim'),
    span(inWidth(took, 9), 'dim'),
    span(inWidth(run.device, devices)),
    span('  '),
    span(inWidth(run.text, Math.max(columns - taken, 1)), isChosen ? 'bold' : undefined),
  ];
}

function crossingLines({ crossings, box }: WatchModel, columns: number, most: number): Line[] {
  if (crossings.length === 0 && most > 0) {
    return [[span(box.is === 'here' ? '  nothing yet' : '  not known while the box is away', 'dim')]];
  }
  return crossings.slice(0, Math.max(most, 0)).map((crossing) => crossingLine(crossing, columns));
}

function footerLine({ asksToCancel, runs, shown, notice }: WatchModel): Line {
  if (asksToCancel !== undefined) {
    const text = runs.find(({ id }) => id === asksToCancel)?.text ?? asksToCancel;
    return [span(`cancel “${inWidth(text, 40).trimEnd()}”? y or n ${notice}`, 'yellow')];
  }
  if (notice !== '') return [span(notice, 'yellow')];
  const keys = shown
    ? 'j k scroll   Esc back   c cancel   ? keys   q quit'
    : 'j k choose   Enter show   c cancel   ? keys   q quit';
  return [span(keys, 'dim')];
}
