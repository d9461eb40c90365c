// How statements read rows that were given to them as one array of texts (see ../postgres-array.ts). Never changed: functions of the
// database were made with it.

/**
 * A subquery over rows that stand one after the other in an array of texts. `columns` says what each row holds in which order,
 * like `tenant, epoch bigint, ended_at ms`; without a type it is text, and `ms` are milliseconds since 1970. `n` numbers
 * the rows from 1.
 */
export function rows(array: string, columns: string): string {
  const list = columns.split(',').map((column, position) => {
    const [name, type] = column.trim().split(' ');
    const text = `${array}[i + ${position}]`;
    if (type === 'ms') return `to_timestamp(${text}::float8 / 1000) as ${name}`;
    return `${text}${type ? `::${type}` : ''} as ${name}`;
  });
  const width = list.length;
  return `(select (i + ${width - 1}) / ${width} as n, ${list.join(', ')}
    from generate_series(1, cardinality(${array}), ${width}) i)`;
}
