// Reads JSON of which only the beginning is there (a tool result that was too long for the model).
import type { JsonValue } from '@bufbuild/protobuf';

/** What a cut JSON text says as far as it goes; undefined where nothing can be read. */
export function parseCutJson(text: string): JsonValue | undefined {
  const open: string[] = [];
  let inString = false;
  /** Where the last complete value or opening ended, and what was open there. */
  let safe = { end: 0, open: '' };
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') open.push(char === '{' ? '}' : ']');
    else if (char === '}' || char === ']') open.pop();
    if (!inString && (char === ',' || char === '{' || char === '[' || char === '}' || char === ']')) {
      safe = { end: char === ',' ? i : i + 1, open: open.toReversed().join('') };
    }
  }
  const closing = open.toReversed().join('');
  // A string that was cut is kept as far as it came; a half escape at its end is not.
  const body = text.replace(/\\(?:u[\da-fA-F]{0,3})?$/, '');
  const attempts = inString ? [`${body}"${closing}`] : [`${text}${closing}`];
  for (const attempt of [...attempts, text.slice(0, safe.end) + safe.open]) {
    try {
      return JSON.parse(attempt) as JsonValue;
    } catch {
      // The next attempt keeps less.
    }
  }
  return undefined;
}
