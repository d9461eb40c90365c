// The commands that a page of the documentation shows, in their order: those of its code blocks, and those that a table shows in
// code. It only reads the page; page-shell.ts runs them.

export interface PageCommand {
  readonly page: string;
  /** Line of the page on which it begins, from 1. */
  readonly line: number;
  /** As it stands on the page, without its comment; lines that belong together stay together. */
  readonly text: string;
  /** What the page says that it prints, line by line; undefined when the page shows no output. `…` stands for what was cut. */
  readonly output?: readonly string[];
  /** What the file that it runs holds, where the page shows that file. */
  readonly file?: string;
}

interface Block {
  readonly line: number;
  readonly language: string;
  readonly lines: readonly string[];
}

const SHELL: ReadonlySet<string> = new Set(['', 'sh', 'bash', 'console']);

/** Every command of a page. */
export function commandsOf(page: string, text: string): PageCommand[] {
  const blocks = blocksOf(text);
  const typed = blocks.filter(({ language }) => SHELL.has(language)).flatMap((block) => inBlock(page, block));
  const files = blocks.filter(({ language }) => !SHELL.has(language)).flatMap((block) => ofFile(page, block));
  return [...typed, ...files, ...inTables(page, text)].sort((one, other) => one.line - other.line);
}

/** A program that the page shows, whose first line says how to run it. */
function ofFile(page: string, { line, lines }: Block): PageCommand[] {
  const found = /^(?:#|\/\/) ([^;]*\b(?:python3|node) \w+\.\w+ [^;]*)/.exec(lines[0] ?? '');
  return found ? [{ page, line, text: (found[1] ?? '').trim(), file: `${lines.join('\n')}\n` }] : [];
}

/** Fenced and indented blocks. Text that belongs to an item of a list is indented less than four more than its sign, and is none. */
function blocksOf(text: string): Block[] {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^ {0,8}```(\w*)$/.exec(lines[at] ?? '');
    const begin = fence ? at + 1 : at;
    let end = begin;
    if (fence) while (end < lines.length && !/^ {0,8}```$/.test(lines[end] ?? '')) end++;
    else if (lines[at - 1]?.trim() === '') while (/^ {4}/.test(lines[end] ?? '') || isGap(lines, end)) end++;
    if (end === begin) continue;
    const inside = lines.slice(begin, end);
    const indent = Math.min(...inside.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
    blocks.push({ line: begin + 1, language: fence?.[1] ?? '', lines: inside.map((line) => line.slice(indent)) });
    at = end;
  }
  return blocks;
}

/** An empty line between two indented ones. */
const isGap = (lines: readonly string[], at: number): boolean =>
  lines[at]?.trim() === '' && /^ {4}/.test(lines[at - 1] ?? '') && /^ {4}/.test(lines[at + 1] ?? '');

function inBlock(page: string, { line, lines }: Block): PageCommand[] {
  const isConsole = lines.some((each) => each.startsWith('$ '));
  const found: PageCommand[] = [];
  for (let at = 0; at < lines.length; ) {
    const begin = at;
    const first = lines[at++] ?? '';
    if (isConsole && !first.startsWith('$ ')) continue;
    const words = [isConsole ? first.slice(2) : first];
    while (at < lines.length && !isWhole(words)) words.push(lines[at++] ?? '');
    const output: string[] = [];
    if (isConsole) while (at < lines.length && !lines[at]?.startsWith('$ ')) output.push(lines[at++] ?? '');
    const text = words.map(withoutComment).join('\n').trim();
    // An address alone is no command.
    if (text === '' || /^\w+:\/\/\S+$/.test(text)) continue;
    found.push({ page, line: line + begin, text, ...(isConsole ? { output } : {}) });
  }
  return found;
}

/** Whether the lines are a command that a shell would begin to run: nothing is continued, no loop is open. */
function isWhole(lines: readonly string[]): boolean {
  const last = withoutComment(lines.at(-1) ?? '');
  const loops = lines.filter((line) => /^\s*for /.test(line)).length;
  const ends = lines.filter((line) => /^\s*done\b/.test(line)).length;
  return !last.endsWith('\\') && loops === ends;
}

/** A line without what follows ` #` outside of quotes. */
export function withoutComment(line: string): string {
  let quote = '';
  for (const [at, char] of [...line].entries()) {
    if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === '#' && (at === 0 || line[at - 1] === ' ')) return line.slice(0, at).trimEnd();
  }
  return line.trimEnd();
}

/** Code in the rows of tables that begins like a command to type. */
function inTables(page: string, text: string): PageCommand[] {
  return text.split('\n').flatMap((line, at) =>
    line.startsWith('|')
      ? [...line.matchAll(/`(\.\/bowline [^`]+|make [^`]+)`/g)].map((found) => ({
          page,
          line: at + 1,
          text: found[1] ?? '',
        }))
      : [],
  );
}

/** A line cut at the `;` that a shell would cut it at, outside of quotes and loops. */
export function stepsOf(text: string): string[] {
  if (/^for /m.test(text)) return [text];
  const steps = [''];
  let quote = '';
  for (const char of text) {
    if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '"' || char === "'") quote = char;
    if (char === ';' && quote === '') steps.push('');
    else steps[steps.length - 1] += char;
  }
  return steps.map((step) => step.trim()).filter((step) => step !== '');
}
