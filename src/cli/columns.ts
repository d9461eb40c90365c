// Columns that several lists have: short ids, times.
import { shortIds } from './short-id.ts';
import type { Column } from './table.ts';
import { agoText, timeText } from './units.ts';

/** An id, as short as it can be told apart from the others of the list on a terminal. */
export function idColumn<Row>(heading: string, idOf: (row: Row) => string, rows: readonly Row[]): Column<Row> {
  const short = shortIds(rows.map(idOf));
  return { heading, text: idOf, brief: (row) => short.get(idOf(row)) ?? idOf(row) };
}

/** A time: on a terminal how long ago. */
export const timeColumn = <Row>(
  heading: string,
  timeOf: (row: Row) => Parameters<typeof timeText>[0],
  more: Pick<Column<Row>, 'leaves'> = {},
): Column<Row> => ({
  heading,
  text: (row) => timeText(timeOf(row)),
  brief: (row) => agoText(timeOf(row), Date.now()),
  ...more,
});
