// Finds what a question names: files, folders, patterns, line ranges. Works on the words alone; what exists is found out
// with tools.
import { trimEndSigns } from '../base/trim-signs.ts';

/** What a question names. */
export interface Named {
  /** File names or paths as they stand in the question, or bare well-known names (`README`). */
  readonly files: readonly string[];
  /** Patterns such as `*.md`. */
  readonly globs: readonly string[];
  /** Folders: words that end in a slash, stand beside the word "folder", or are all that a verb such as "summarise" has. */
  readonly folders: readonly string[];
  readonly lines?: { readonly start: number; readonly end: number };
  /** The question without its file names and quotes around them. */
  readonly rest: string;
}

const QUOTED =
  /`([^`\n]{1,400})`|"([^"\n]{1,400})"|“([^”\n]{1,400})”|「([^」\n]{1,400})」|《([^》\n]{1,400})》|(?<![\w])'([^'\n]{1,400})'(?![\w])/g;
const EXTENSION =
  'md|markdown|txt|text|rst|adoc|org|log|csv|tsv|json|jsonl|ya?ml|toml|ini|cfg|conf|env|xml|html?|css|scss|m?[jt]sx?|cjs|py|rb|go|rs|java|kt|swift|c|h|cc|cpp|hpp|cs|php|lua|pl|sh|bash|zsh|sql|proto|graphql|tex|bib|srt|vue|svelte|lock|gradle|properties|service|tf|nix|dockerfile|pdf|docx?|xlsx?|pptx?|png|jpe?g|gif|svg|zip';
const GLOB = /(?<![\w*])[\w./-]{0,200}\*[\w.*/-]{0,200}/g;
const FILE = new RegExp(
  `(?:\\.{0,2}/)?[\\p{L}\\p{N}_@./+~-]{0,255}[\\p{L}\\p{N}_+~-]\\.(?:${EXTENSION})(?![\\w-]|\\.\\w)|(?<![\\p{L}\\p{N}_/])\\.env\\b`,
  'giu',
);
const WELL_KNOWN =
  /(?<![\w./-])(?:README|LICENSE|LICENCE|CHANGELOG|CONTRIBUTING|Makefile|Dockerfile|NOTICE|AUTHORS|TODO)(?![\w./-])/g;
/** What stands before a word that is looked for, even if files are called so. */
const LOOKS_FOR =
  /(?:\b(?:contain(?:s|ing)?|mention(?:s|ing|ed)?|say(?:s|ing)?|includ(?:es?|ing)|word|term|string|text)|包含|含有|提到|提及|写着|出现|单词)(?:了|过)?\s{0,4}(?:the |an? |word |term ){0,3}["'“`「]?$/i;
/** TODO is what people write into files: it is one only where something is done with a file. */
const IS_TODO_FILE =
  /(?:\b(?:read|open|show(?: me)?|print|cat|display|quote|summari[sz]e|summary of|in|from|does|is|called|named|file)|读|读取|打开|显示|看|看看|总结|概括|叫|名为)(?:一下)?\s{0,4}(?:the |my ){0,2}["'“`「]?$/i;
const FOLDER_SLASH = /(?<![\w@/.:-])(?:\.{0,2}\/)?(?:[\p{L}\p{N}_.+~-]{1,100}\/){1,40}(?![\p{L}\p{N}_.])/gu;
const FOLDER_WORD =
  /(?<![\w./-])(?!(?:the|an?|this|that|my|in|of|which|what|each|every|any|same|current|per|by) )([\w.+~/-]{1,200}) (?:folder|directory|dir)\b|(?:folder|directory|dir) (?:called |named )?([\w.+~/-]+)|([\w.+~/-]{1,200})\s*(?:文件夹|目录)/gi;
const SOLE_TARGET =
  /(?:summari[sz]e|sum up|summary of|overview of|outline|list|ls|files in|is in|are in|inside)\s{1,8}(?:the\s{1,8}|my\s{1,8}|all\s{1,8}of\s{1,8})?([\w.+~/-]{1,200})\s{0,8}[?.!]{0,8}$|(?:总结|概括|摘要|归纳|列出)(?:一下)?\s{0,8}([\w.+~/-]{1,200})\s{0,8}(?:里|中)?\s{0,8}[？?。.!！]{0,8}$/i;
const NO_FOLDER =
  /^(?:files?|everything|all|it|them|here|content|contents|folders?|directory|documents?|the|this|that|my|a|an|in|of|which|what|every|each|all|is|are|any|current|same|here|and|or|for|with|has|have|holds?|contains?|was|were|do|does|did|there|per|by)$/i;
const LINES =
  /\blines?\s{1,8}(\d{1,9})(?:\s{0,8}(?:-|–|to|through|and)\s{0,8}(\d{1,9}))?|#L(\d{1,9})(?:-L?(\d{1,9}))?|第?\s{0,8}(\d{1,9})\s{0,8}(?:行?\s{0,8}(?:-|–|~|到|至)\s{0,8}第?\s{0,8}(\d{1,9}))?\s{0,8}行/i;
/** Chinese words that stand right before a Chinese file name without belonging to it. */
const BEFORE_NAME =
  /^(?:请|帮我|帮忙|麻烦|你|我|能不能|可以|能|把|在|从|看看|看一下|看|读一下|读取|读|打开|显示|查看|查找|查|阅读|搜索|总结一下|总结|概括一下|概括|摘要|介绍一下|介绍|解释|关于|根据|对|和|与|及|文件|一下|说说|告诉我|里|的)+/;

/** What a question names. */
export function namesIn(question: string): Named {
  const files: string[] = [];
  let rest = question;
  const add = (found: string, name: string) => {
    if (!files.includes(name)) files.push(name);
    rest = rest.replace(found, ' ');
  };
  const globs = [...rest.matchAll(GLOB)].map(([glob]) => glob).filter((glob) => /[\w.]/.test(glob));
  for (const glob of globs) rest = rest.replace(glob, ' ');
  for (const match of rest.matchAll(QUOTED)) {
    const name = match
      .slice(1)
      .find((group) => group !== undefined)!
      .trim();
    if (new RegExp(`\\.(?:${EXTENSION})$`, 'i').test(name)) add(match[0], name);
  }
  for (const [found] of rest.matchAll(FILE)) {
    const name = found.replace(BEFORE_NAME, '').replace(/^\.\//, '');
    add(found, name.startsWith('.') && name !== '.env' ? found : name);
  }
  for (const match of rest.matchAll(WELL_KNOWN)) if (meansFile(match)) add(match[0], match[0]);
  const lines = linesIn(rest);
  return { files, globs, folders: foldersIn(rest), rest, ...(lines ? { lines } : {}) };
}

/** Whether a well-known name is meant as a file, by the words before it. */
function meansFile({ 0: name, index, input }: RegExpExecArray): boolean {
  const before = input.slice(Math.max(0, index - 60), index);
  return !LOOKS_FOR.test(before) && (name !== 'TODO' || before.trim() === '' || IS_TODO_FILE.test(before));
}

function foldersIn(text: string): string[] {
  const slashed = [...text.matchAll(FOLDER_SLASH)].map(([folder]) => folder);
  const worded = [...text.matchAll(FOLDER_WORD)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  const sole = SOLE_TARGET.exec(text.trim());
  const all = [...slashed, ...worded, sole?.[1] ?? sole?.[2] ?? ''].map((folder) =>
    trimEndSigns(folder.replace(/^\.\//, ''), '/'),
  );
  return [...new Set(all.filter((folder) => folder !== '' && folder !== '.' && !NO_FOLDER.test(folder)))];
}

function linesIn(text: string): { start: number; end: number } | undefined {
  const match = LINES.exec(text);
  if (!match) return undefined;
  const start = Number(match[1] ?? match[3] ?? match[5]);
  const end = Number(match[2] ?? match[4] ?? match[6] ?? start);
  return start >= 1 && end >= start ? { start, end } : undefined;
}

/** The last part of a path. */
export const baseName = (path: string): string => trimEndSigns(path, '/').split('/').at(-1) ?? path;
