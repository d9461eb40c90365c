// What each pattern says of each path: the one dialect of globs, as all who take patterns must answer. Paths with one folder at most, and
// patterns with their folder, so that it makes no difference whether a pattern is for names or for paths.

export interface GlobRow {
  readonly pattern: string;
  readonly path: string;
  readonly answer: boolean;
}

const row = (pattern: string, path: string, answer: boolean): GlobRow => ({ pattern, path, answer });
const yes = (pattern: string, ...paths: string[]) => paths.map((path) => row(pattern, path, true));
const no = (pattern: string, ...paths: string[]) => paths.map((path) => row(pattern, path, false));

export const GLOB_TABLE: readonly GlobRow[] = [
  ...yes('*.md', 'a.md', 'README.md', 'a.b.md', '中文.md'),
  ...no('*.md', 'README.MD', 'a.mdx', '.hid.md'),
  ...yes('[ab].md', 'a.md', 'b.md', '[ab].md'),
  ...no('[ab].md', 'c.md', 'A.md', 'ab.md'),
  ...yes('[a-cx]*', 'b', 'x1'),
  ...no('[a-cx]*', 'd'),
  ...yes('[!a-c]*', 'd', 'README.md'),
  ...no('[!a-c]*', 'b', '.hid.md'),
  ...yes('[^a].md', 'b.md'),
  ...no('[^a].md', 'a.md'),
  ...yes('[]x]', ']', 'x'),
  ...yes('[a-]', '-', 'a'),
  ...yes('?.md', 'a.md', '中.md', '😀.md', 'é.md', 'e\u0301.md'),
  ...no('?.md', 'ab.md', '.md'),
  ...yes('{a,b}.{md,txt}', 'a.md', 'b.txt'),
  ...no('{a,b}.{md,txt}', 'c.md', 'a.pdf'),
  ...yes('{a,{b,c}x}', 'a', 'bx', 'cx'),
  ...no('{a,{b,c}x}', 'b', 'ax'),
  ...yes('{a}.md', '{a}.md'),
  ...no('{a}.md', 'a.md'),
  ...yes('[{]a,b}', '{a,b}'),
  ...no('[{]a,b}', 'a', 'b'),
  ...yes('a{,.old}', 'a', 'a.old'),
  ...yes('!a.md', '!a.md'),
  ...no('!a.md', 'b.md'),
  ...yes('a(b).md', 'a(b).md'),
  ...no('+(a).md', 'a.md', 'aa.md'),
  ...yes('a[', 'a['),
  ...yes('.*', '.hid.md'),
  ...no('.*', 'a.md'),
  ...no('?hid.md', '.hid.md'),
  ...no('[.]hid.md', '.hid.md'),
  ...yes('Jos\u00e9*', 'Jose\u0301.md', 'Jos\u00e9.md'),
  ...yes('Jose{\u0301,x}.md', 'Jos\u00e9.md'),
  ...yes('sub/*.md', 'sub/a.md'),
  ...no('sub/*.md', 'sub/a.txt', 'other/a.md', 'sub/.hid.md'),
  ...yes('**/*.md', 'sub/a.md', 'a.md'),
  ...no('**/*.md', '.dot/a.md', 'sub/.hid.md', 'sub/A.MD'),
  ...yes('sub/**', 'sub/a.md'),
  ...no('sub/**', 'sub/.hid.md', 'other/a.md'),
  ...yes('{sub/a,other/b}.md', 'sub/a.md', 'other/b.md'),
  ...no('{sub/a,other/b}.md', 'sub/b.md'),
  ...yes('.dot/*', '.dot/a.md'),
  ...no('*/a.md', '.dot/a.md'),
  ...yes('./sub//*.md', 'sub/a.md'),
];
