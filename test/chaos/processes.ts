// The command lines of all processes of this machine, where there is a /proc; elsewhere none.
import { readdirSync, readFileSync } from 'node:fs';

export function commandLines(): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of names()) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.set(Number(name), readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1).join(' '));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function names(): string[] {
  try {
    return readdirSync('/proc');
  } catch {
    return [];
  }
}
