// Which kind a file is of, by its name alone. One name may be of several kinds: a PDF file is a document, too.
import { FileClass } from '../../../../../gen/bowline/capability/fs/v1/fs_pb.ts';

export type ClassWord = Exclude<keyof typeof FileClass, 'UNSPECIFIED'>;

const ENDINGS: Readonly<Record<Exclude<ClassWord, 'FOLDER'>, string>> = {
  PDF: 'pdf',
  IMAGE: 'avif bmp dng gif heic heif ico jfif jpeg jpg jxl png psd raw svg tif tiff webp xcf',
  AUDIO: 'aac aif aiff amr flac m4a mid midi mp3 oga ogg opus wav wma',
  VIDEO: '3gp avi flv m4v mkv mov mp4 mpeg mpg ogv webm wmv',
  CODE: 'asm bash bat c cc clj cljs cpp cs css cu cxx dart el elm erl ex exs f90 fish fs go groovy h hpp hrl hs java jl js jsx kt kts less lisp lua m mjs cjs ml mm nim php pl pm proto ps1 py pyi r rb rs sass scala scm scss sh sol sql svelte swift tcl ts tsx v vb vhd vhdl vim vue zig zsh',
  TABLE: 'csv ods tab tsv xls xlsm xlsx',
  DOCUMENT: 'doc docm docx epub mobi odt pages pdf ps rtf tex wpd wps',
  TEXT: 'adoc asciidoc markdown md mdx org rst text txt',
  MARKDOWN: 'markdown md mdx',
  ARCHIVE: '7z br bz2 deb dmg gz iso jar lz4 rar rpm tar tbz tgz txz xz zip zst',
  LOG: 'log',
  DATA: 'cfg conf ini json json5 jsonl ndjson parquet plist properties sqlite toml xml yaml yml',
  PRESENTATION: 'key odp ppt pptx',
  MAIL: 'eml mbox msg',
};

const CLASSES: ReadonlyMap<string, readonly ClassWord[]> = (() => {
  const classes = new Map<string, ClassWord[]>();
  for (const [word, endings] of Object.entries(ENDINGS) as [ClassWord, string][]) {
    for (const ending of endings.split(' ')) classes.set(ending, [...(classes.get(ending) ?? []), word]);
  }
  return classes;
})();

const NONE: readonly ClassWord[] = [];

/** The end of a name behind its last dot, in small letters; empty without one. */
export function endingOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot > 0 && dot > name.lastIndexOf('/') + 1 ? name.slice(dot + 1).toLowerCase() : '';
}

/** All kinds that a file is of by its name. A log that was put aside keeps its kind: `big.log.1`. */
export function classesOf(name: string): readonly ClassWord[] {
  const ending = endingOf(name);
  const known = CLASSES.get(ending);
  if (known) return known;
  return /^[0-9]{1,8}$/.test(ending) && endingOf(name.slice(0, -ending.length - 1)) === 'log' ? ['LOG'] : NONE;
}

/** Undefined for one that is not set or not known. */
export const classWord = (value: FileClass): ClassWord | undefined =>
  (Object.keys(FileClass) as (keyof typeof FileClass)[]).find(
    (word): word is ClassWord => word !== 'UNSPECIFIED' && FileClass[word] === value,
  );

/** Kinds whose files hold no text that could be had. PDF files are documents, which are judged before. */
const WITHOUT_TEXT: ReadonlySet<ClassWord> = new Set(['IMAGE', 'AUDIO', 'VIDEO', 'ARCHIVE', 'PRESENTATION']);
const BINARY_ENDINGS = new Set(
  'doc docm mobi pages rtf wpd wps ods xls xlsm xlsx parquet sqlite msg bin dat exe dll so o a class pyc wasm gguf onnx pt db ttf otf woff woff2 eot'.split(
    ' ',
  ),
);

const DOCUMENT_ENDINGS = new Set(['pdf', 'docx', 'odt', 'epub', 'htm', 'html', 'xhtml', 'eml']);

/** Whether a file is a document by its name, the text of which the reader of documents gives. */
export const isDocument = (name: string): boolean => DOCUMENT_ENDINGS.has(endingOf(name));

/** Whether the name alone says that there is no text to be had. An SVG image is text. */
export function isWithoutText(name: string): boolean {
  const ending = endingOf(name);
  if (ending === 'svg' || isDocument(name)) return false;
  return BINARY_ENDINGS.has(ending) || classesOf(name).some((word) => WITHOUT_TEXT.has(word));
}
