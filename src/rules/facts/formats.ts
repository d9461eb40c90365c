// The formats of files that people name ("CSV files", ".xlsx", "Python 文件"): each means the endings of its files, never a whole kind.
import { anyCase } from '../../base/any-case.ts';
import type { Reading } from './reading.ts';

/** Words for a format, without and with what follows, its endings, and the kind that all its files are of. */
type Format = readonly [clear: string, unclear: string, endings: string, kind: string];

/** The clear words say a format wherever they stand, the others only beside "files" or behind a dot: "go", "word", "text". */
const FORMATS: readonly Format[] = [
  ['csvs?', '', 'csv', 'TABLE'],
  ['tsvs?', 'tab', 'tsv tab', 'TABLE'],
  ['ods', '', 'ods', 'TABLE'],
  ['xlsx?|xlsm', '', '', 'TABLE'],
  ['', 'excel', 'xls xlsx xlsm', 'TABLE'],
  ['docx', 'doc', '', 'DOCUMENT'],
  ['', 'word', 'doc docx', 'DOCUMENT'],
  ['odt|rtf|epub', '', '', 'DOCUMENT'],
  ['pptx?|odp', '', '', 'PRESENTATION'],
  ['', 'powerpoint', 'ppt pptx', 'PRESENTATION'],
  ['', 'txt', 'txt', 'TEXT'],
  ['', 'md|org|rst|tex', '', ''],
  ['png|gif|svg|webp|heic|bmp', '', '', 'IMAGE'],
  ['jpe?g', '', 'jpg jpeg', 'IMAGE'],
  ['tiff?', '', 'tif tiff', 'IMAGE'],
  ['mp3|flac', 'wav|ogg|m4a', '', 'AUDIO'],
  ['mp4|mkv|avi', 'mov|webm', '', 'VIDEO'],
  ['', 'py|python', 'py', 'CODE'],
  ['', 'ts|typescript', 'ts tsx', 'CODE'],
  ['', 'js|javascript', 'js mjs cjs jsx', 'CODE'],
  ['', 'tsx|jsx|c|h|cpp|go|java|rb|rs|sh|sql|css|php|swift', '', 'CODE'],
  ['', 'json|toml|ini|xml|cfg|conf', '', 'DATA'],
  ['', 'ya?ml', 'yaml yml', 'DATA'],
  ['', 'html?', 'html htm', ''],
  ['zips?', '', 'zip', 'ARCHIVE'],
  ['', '7z|gz|rar|tar|xz', '', 'ARCHIVE'],
  ['eml', 'mbox|msg', '', 'MAIL'],
];
/** Kinds that are formats, too. */
export const FORMAT_KINDS: Readonly<Record<string, string>> = { PDF: 'pdf', MARKDOWN: 'md markdown mdx' };

const CLEAR = FORMATS.map(([clear]) => clear)
  .filter(Boolean)
  .join('|');
const UNCLEAR = FORMATS.map(([, unclear]) => unclear)
  .filter(Boolean)
  .join('|');
/** "And JSON files": what may stand between an unclear word and "files". */
const FILES_FOLLOW =
  '(?=(?:\\s{0,3}(?:and|or|和|与|及|或|、|,|/)\\s{0,3}\\.?[a-z0-9]{1,12}){0,4}(?:\\s{0,3}(?:files?|documents?|sheets?)\\b|\\s{0,3}的?(?:文件|文档|表格)))';
const FORMAT = new RegExp(
  `(?<![\\w./-])\\*?\\.(${CLEAR}|${UNCLEAR})(?![\\w-]|\\.\\w)|(?<![\\w.-])(?:(${CLEAR})(?![\\w-]|\\.\\w)|(${UNCLEAR})(?![\\w-]|\\.\\w)${FILES_FOLLOW})`,
  'i',
);
/** A word for a format that needs nothing beside it. */
export const CLEAR_FORMAT = new RegExp(
  `(?<![\\w.-])(?:${CLEAR})(?![\\w-])|(?<![\\w./-])\\*?\\.(?:${CLEAR}|${UNCLEAR})(?![\\w-]|\\.\\w)`,
  'i',
);

/** What formats say of files. */
export interface Formats {
  /** A pattern for all of them; empty where none is named. */
  readonly glob: string;
  readonly kinds: readonly string[];
}

/** Takes the formats out of a question. @param say told of each @param others kinds that are named beside them; what is a format too joins them */
export function takeFormats(text: Reading, say: (match: RegExpExecArray) => void, others: readonly string[]): Formats {
  const found: Format[] = [];
  for (let i = 0; i < 8; i++) {
    const match = text.take(FORMAT);
    if (!match) break;
    say(match);
    found.push(formatOf((match[1] ?? match[2] ?? match[3])!.toLowerCase()));
  }
  const all = [...found.map(([, , endings]) => endings), ...(found.length > 0 ? others : [])];
  const endings = [...new Set(all.flatMap((each) => each.split(' ')))].map(anyCase);
  const glob = endings.length > 1 ? `*.{${endings.join(',')}}` : endings.map((ending) => `*.${ending}`).join('');
  return { glob, kinds: found.map(([, , , kind]) => kind) };
}

function formatOf(word: string): Format {
  const [, , endings = '', kind = ''] =
    FORMATS.find(([clear, unclear]) => new RegExp(`^(?:${[clear, unclear].filter(Boolean).join('|')})$`).test(word)) ??
    [];
  return [word, '', endings === '' ? word : endings, kind];
}
