// Sums a conversation up by quoting it: the newest turns first in importance, each with what it asked and the sentences that
// say most. Pure; nothing is written that was not said.
import { languageOf } from './language.ts';
import { phrasesIn } from './phrases.ts';
import { unitsOf } from './quotable.ts';
import { tokens } from './words.ts';

/** How the request for a summary begins, in its system text. */
export const SUMMARY_REQUEST = /^\s*Sum up this conversation/;

/** Characters of a summary. */
export const MAX_SUMMARY = 1200;
const MAX_QUESTION = 160;
const MAX_SENTENCE = 240;
/** Sentences of one answer. */
const MAX_SENTENCES = 2;
/** Characters of the conversation that are looked at: its end. */
const MAX_READ = 64_000;
/** Shares of the room for an earlier summary, when there are turns after it. */
const EARLIER_SHARE = 0.4;

interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** An extract of at most `room` characters. `conversation` has `Summary so far:`, `Owner:` and `Bowline:` before what each said. */
export function sumUp(conversation: string, room = MAX_SUMMARY): string {
  const { earlier, turns } = turnsApart(conversation.slice(-MAX_READ).toWellFormed());
  const phrases = phrasesIn(languageOf(turns.map(({ question }) => question).join(' ') || earlier));
  const kept = earlier.replace(/^(?:What was said, in its own words:|对话摘录（原文）：)\s*/, '');
  const head = kept === '' ? '' : lastLines(kept, Math.floor(room * (turns.length === 0 ? 0.9 : EARLIER_SHARE)));
  const lines = [phrases.saidSoFar, ...(head === '' ? [] : [head])];
  let left = room - lines.join('\n').length;
  const told: string[] = [];
  for (const turn of turns.toReversed()) {
    const line = lineOf(turn, phrases.asked, phrases.answered);
    if (line.length + 1 > left) break;
    left -= line.length + 1;
    told.unshift(line);
  }
  return clip([...lines, ...told].join('\n'), room);
}

function lineOf({ question, answer }: Turn, asked: string, answered: string): string {
  const best = sentences(question, answer);
  return `- ${asked}: ${clip(oneLine(question), MAX_QUESTION)}${best === '' ? '' : `\n  ${answered}: ${best}`}`;
}

/** The sentences of an answer with most of the question's words, in their order; its first ones where none has any. */
function sentences(question: string, answer: string): string {
  const wanted = new Set(tokens(question));
  const scored = answer
    .split('\n')
    .flatMap(quotable)
    .map((text, index) => {
      const words = new Set(tokens(text));
      const held = [...wanted].filter((token) => words.has(token)).length;
      return { text, index, score: held + (/\d/.test(text) ? 0.5 : 0) };
    });
  const best = scored.toSorted((a, b) => b.score - a.score || a.index - b.index).slice(0, MAX_SENTENCES);
  return best
    .toSorted((a, b) => a.index - b.index)
    .map(({ text }) => clip(oneLine(text), MAX_SENTENCE))
    .join(' ');
}

/** A quote with its place stays whole. */
const quotable = (line: string): string[] =>
  line.startsWith('- “') && line.endsWith(')') && line.includes('” (')
    ? [line.slice(2)]
    : unitsOf(line, 1, true).map(({ text }) => text);

const MARK = /^(Summary so far|Owner|Bowline): ?/;

function turnsApart(conversation: string): { earlier: string; turns: Turn[] } {
  const blocks: { mark: string; text: string }[] = [];
  for (const line of conversation.split('\n')) {
    const mark = MARK.exec(line);
    if (mark) blocks.push({ mark: mark[1]!, text: line.slice(mark[0].length) });
    else if (blocks.length > 0) blocks.at(-1)!.text += `\n${line}`;
  }
  const turns: { question: string; answer: string }[] = [];
  for (const { mark, text } of blocks) {
    if (mark === 'Owner') turns.push({ question: text.trim(), answer: '' });
    else if (mark === 'Bowline' && turns.length > 0) turns.at(-1)!.answer += text.trim();
  }
  return { earlier: blocks.find(({ mark }) => mark === 'Summary so far')?.text.trim() ?? '', turns };
}

/** Whole lines from the end; the older ones go. */
function lastLines(text: string, room: number): string {
  const kept: string[] = [];
  let left = room;
  for (const line of text.split('\n').toReversed()) {
    if (line.length + 1 > left) break;
    left -= line.length + 1;
    kept.unshift(line);
  }
  return kept.length > 0 ? kept.join('\n') : clip(text, room);
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

const clip = (text: string, room: number): string =>
  text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1)).toWellFormed()}…`;
