// The name by which this program was called. Texts say `bowline VERB`, wherever they were written; whoever prints one for a person
// writes the name that works in that person's shell. The launcher tells it, `BOWLINE_CALLED_AS`; without the launcher it is `bowline`.
import { shellQuote } from './shell-quote.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Words of several commands of a shell: `npx bowline`. */
const SEVERAL = /^[a-z]+ bowline$/;

/** All verbs, so that a sentence about Bowline is not taken for a command. `VERBS` of main/verbs.ts has the same. */
const VERB_NAMES =
  'approvals|ask|audit|budgets|call|capabilities|chat|clock|completion|control|conversations|devices|docs|doctor|edge|egress|grants|health|help|init|jobs|journal|keys|logs|models|owners|plugins|queue|routes|runs|secrets|status|undo|up|usage|version|watch|worker|workers';

/** No part of a path, an address or another word stands before it. */
const COMMAND = new RegExp(`(?<![\\w./@~-])bowline(?= (?:(?:${VERB_NAMES})\\b|VERB\\b|--|\\[))`, 'g');

/** What a person types to call this program. */
export function calledAs(env: Environment): string {
  const name = env.BOWLINE_CALLED_AS || 'bowline';
  return SEVERAL.test(name) ? name : shellQuote(name);
}

/** A text of ours with every command in it as a person types it. Not for what is quoted from elsewhere: a file, a question, an answer. */
export function asCalled(text: string, env: Environment): string {
  if (!env.BOWLINE_CALLED_AS || !text.includes('bowline')) return text;
  const name = calledAs(env);
  return name === 'bowline' ? text : text.replace(COMMAND, () => name);
}
