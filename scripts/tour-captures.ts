// What the tour shows, in its order: the commands, what is typed into them, and what must stand on the screen. `make tour` takes the
// pictures; a test holds the page against this list.

export interface Capture {
  /** Of its pictures: `docs/tour/NAME-COLUMNS-light.svg`. */
  readonly name: string;
  readonly title: string;
  /** What the page says of it. */
  readonly about: string;
  /** As a person types it; RUN stands for the last run that read a shared file. */
  readonly command: string;
  /** Typed one after the other, each when its sign is on the screen. */
  readonly typed?: readonly (readonly [sign: RegExp, keys: string])[];
  /** On the screen when the picture is taken. */
  readonly shows: RegExp;
  /** It has the whole screen and goes on until it is stopped; otherwise it ends by itself. */
  readonly wholeScreen?: boolean;
}

export const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 32 },
] as const;

export const THEMES = ['light', 'dark'] as const;

export const CAPTURES: readonly Capture[] = [
  {
    name: 'demo',
    title: 'The demonstration',
    about:
      'It installs, builds and starts everything, asks one question with nothing shared and then with what it found, and stops everything.',
    command: 'make demo DIR="$HOME/notes" ASK="When is the launch?"',
    shows: /14 May/,
  },
  {
    name: 'ask',
    title: 'An ask with nothing shared',
    about: 'The names of files are seen, what they say is not. One line tells what stayed home, and how to share it.',
    command: './bowline ask "When is the launch?"',
    // Any key but `s` leaves.
    typed: [[/press s to choose/, 'q']],
    shows: /launch\.md/,
  },
  {
    name: 'ask-shared',
    title: 'The same ask with one file shared',
    about: 'The answer first, then its sources, what was shared and with whom.',
    command: `./bowline ask --share '~/notes/launch.md' "When is the launch?"`,
    shows: /14 May[\s\S]*launch\.md:3/,
  },
  {
    name: 'chat',
    title: 'A conversation',
    about: 'It offers to share what was withheld; anything that is not understood as an answer to that is asked again.',
    command: './bowline chat',
    typed: [
      [/> ?$/m, 'When is the launch?\r'],
      [/share[^\n]*\[/, 'o\r'],
      [/14 May[\s\S]*> ?$/m, '/quit\r'],
    ],
    shows: /14 May/,
  },
  {
    name: 'watch',
    title: 'Everything on one screen',
    about: 'Box, control plane, workers and runs, and what leaves the box, to whom, in bytes. It changes as they do.',
    command: './bowline watch',
    shows: /^box[\s\S]*^control[\s\S]*^workers[\s\S]*── runs[\s\S]*── left the box[\s\S]*→/m,
    wholeScreen: true,
  },
  {
    name: 'egress',
    title: 'What left the box',
    about: 'The ledger, newest first. Each line was written before anything left.',
    command: './bowline egress ls',
    shows: /launch\.md[\s\S]*content/,
  },
  {
    name: 'run',
    title: 'One run',
    about: 'What was asked, who did which job with how many attempts, what left for it and what was withheld.',
    command: './bowline runs show RUN',
    shows: /llm\.Chat[\s\S]*launch\.md/,
  },
];

/** The page that the pictures are on. */
export function tourPage(texts: ReadonlyMap<string, string>): string {
  const parts = CAPTURES.map((capture) => {
    const sizes = SIZES.map(({ columns }) => {
      const file = (theme: string) => `tour/${capture.name}-${columns}-${theme}.svg`;
      const picture = [
        '<picture>',
        `  <source media="(prefers-color-scheme: dark)" srcset="${file('dark')}">`,
        `  <img alt="${capture.title}, ${columns} columns; the same as text below" src="${file('light')}">`,
        '</picture>',
      ].join('\n');
      const text = texts.get(`${capture.name}-${columns}`) ?? '';
      return `### ${capture.title}, ${columns} columns\n\n${picture}\n\n\`\`\`text\n${text}\n\`\`\``;
    });
    return `## ${capture.title}\n\n${capture.about}\n\n${sizes.join('\n\n')}`;
  });
  return `${HEAD}\n\n${parts.join('\n\n')}\n`;
}

const HEAD = `# Tour

What Bowline looks like in terminals of 80 and 120 columns, light and dark. The pictures were taken from the real programs in a real terminal by
\`make tour\`, which also wrote this page. They run over a folder of 300 mixed files. Times, ids and the home are made the same each time.`;
