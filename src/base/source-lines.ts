// Names the lines of our sources in the stack of an error that was thrown in a bundle. The build writes the table that it reads beside the
// bundle (scripts/compiled-program.mjs); nothing of it stays in memory.
import { readFileSync } from 'node:fs';

const ENDING = '.cjs';
/** Lines that are looked at in one stack. */
const MOST = 200;

/** The stack with `file:line` of the sources where that is known. */
export function withSourceLines(stack: string): string {
  const tables = new Map<string, SourceLines | undefined>();
  const told = (text: string): string => {
    const end = text.lastIndexOf(`${ENDING}:`);
    if (end < 0) return text;
    const paren = text.lastIndexOf('(', end);
    const begin = paren < 0 ? text.indexOf('at ') + 'at '.length : paren + 1;
    const bundle = text.slice(begin, end);
    if (!tables.has(bundle)) tables.set(bundle, readSourceLines(`${bundle}.lines`));
    const line = Number.parseInt(text.slice(end + ENDING.length + 1), 10);
    const place = tables.get(bundle)?.(line);
    return place === undefined ? text : `${text.slice(0, begin)}${place}${paren < 0 ? '' : ')'}`;
  };
  const lines = stack.split('\n');
  return [...lines.slice(0, MOST).map(told), ...lines.slice(MOST)].join('\n');
}

type SourceLines = (line: number) => string | undefined;

/** Of one bundle: `file:line` of the source of a line, counted from 1. Undefined where there is no table. */
export function readSourceLines(file: string): SourceLines | undefined {
  try {
    const table = readFileSync(file);
    const count = table.readUInt32LE();
    const sources = JSON.parse(table.toString('utf8', 4 + 4 * count)) as string[];
    return (line) => {
      const at = line >= 1 && line <= count ? table.readUInt32LE(4 * line) : 0;
      return at === 0 ? undefined : `${sources[at >>> 16]}:${at & 0xffff}`;
    };
  } catch {
    // Run from the sources, or a bundle without a table.
    return undefined;
  }
}
