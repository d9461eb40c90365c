// What `doctor` tells of one thing it looked at.
import { shellQuote } from '../../base/shell-quote.ts';

export interface DoctorFinding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'fault';
  readonly text: string;
  /** A command that mends it, as it is typed, or in words what to do where no command can. */
  readonly remedy?: string;
}

export const ok = (check: string, text: string): DoctorFinding => ({ check, state: 'ok', text });

export const warning = (check: string, text: string, remedy?: string): DoctorFinding => ({
  check,
  state: 'warning',
  text,
  ...(remedy === undefined ? {} : { remedy }),
});

export const fault = (check: string, text: string, remedy?: string): DoctorFinding => ({
  check,
  state: 'fault',
  text,
  ...(remedy === undefined ? {} : { remedy }),
});

/** A command for this home; the usual one needs no word. */
export const forHome = (command: string, home: string, usual: string): string =>
  home === usual ? command : `${command} --home ${shellQuote(home)}`;
