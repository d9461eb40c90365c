// What an answer rests on: what the model says, else the passages whose document it names. Never what it does not name. Pure.
import { create } from '@bufbuild/protobuf';
import type { Passage } from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { type Source, SourceSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import type { FoldedRun } from '../run/state.ts';
import { passagesOf } from './retrieval.ts';

/** Sources kept of what a model says, and of what is found in its answer. */
const MAX_STATED = 256;
const MAX_FOUND = 32;
/** A shorter name stands in many answers by chance. */
const MIN_NAME = 4;
/** Letters of an answer in which names are looked for, names that are looked for, and places of one that are looked at. */
const MAX_LOOKED_AT = 128 << 10;
const MAX_NAMES = 512;
const MAX_PLACES = 64;

/** The sources of an answer. */
export function sourcesOf(run: FoldedRun, answer: string, stated: readonly Source[]): Source[] {
  const told = stated.filter(({ path }) => path.length <= 4096).slice(0, MAX_STATED);
  if (told.length > 0) return told;
  const found = new Map<string, Source>();
  const text = answer.slice(0, MAX_LOOKED_AT);
  const named = new Map<string, boolean>();
  const isNamed = (name: string): boolean => {
    const known = named.get(name);
    if (known !== undefined) return known;
    const is = named.size < MAX_NAMES && stands(name, text);
    named.set(name, is);
    return is;
  };
  for (const passage of passagesOf(run)) {
    if (found.size >= MAX_FOUND) break;
    if (![passage.document, passage.title].some(isNamed)) continue;
    const { collection, document: path, startLine, endLine, page } = passage;
    if (path.length > 4096 || collection.length > 64) continue;
    found.set(placeOf(passage), create(SourceSchema, { path, collection, startLine, endLine, page }));
  }
  return [...found.values()];
}

const placeOf = ({ collection, document, startLine, endLine, page }: Passage): string =>
  [collection, document, startLine, endLine, page].join('\0');

const IS_WORD = /[A-Za-z0-9]/;

/** Whether a name stands in a text, not within a longer word. */
function stands(name: string, text: string): boolean {
  if (name.length < MIN_NAME) return false;
  let looked = 0;
  for (let at = text.indexOf(name); at >= 0 && looked < MAX_PLACES; at = text.indexOf(name, at + 1), looked++) {
    const before = at === 0 || !(IS_WORD.test(name[0]!) && IS_WORD.test(text[at - 1]!));
    const end = at + name.length;
    const after = end === text.length || !(IS_WORD.test(name.at(-1)!) && IS_WORD.test(text[end]!));
    if (before && after) return true;
  }
  return false;
}
