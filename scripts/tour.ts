// Takes the pictures of docs/tour.md: drives the real programs in a real terminal, in 80 and 120 columns, and writes the page and its SVGs.
// Needs util-linux (`script`, `stty`). [ONLY=name,...] takes some of them and leaves the page alone.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeMessyFolder } from '../test/support/messy-folder.ts';
import { Program } from '../test/support/program.ts';
import { findRun, newPlace } from './capture-place.ts';
import { LIMIT_MS, ROOT, take } from './take-capture.ts';
import { CAPTURES, SIZES, THEMES, tourPage } from './tour-captures.ts';
import { svgOf } from './tour-svg.ts';

const OUT = join(ROOT, 'docs/tour');

/** What is asked with a share. */
const ASKED = 'When is the launch?';

async function main(): Promise<void> {
  const only = process.env.ONLY?.split(',');
  const place = await newPlace();
  const { dir } = place;
  makeMessyFolder(join(dir, 'notes'), { bigBytes: 50_000_000 });
  writeFileSync(join(dir, '.bowline/config.yaml'), 'name: kitchen\n');
  const words = ['./bowline', 'up', '--allow', join(dir, 'notes'), '--port', String(place.port)];
  const up = new Program('up', words, { cwd: ROOT, env: place.env });
  try {
    await up.ready(LIMIT_MS);
    const texts = new Map<string, string>();
    mkdirSync(OUT, { recursive: true });
    for (const capture of CAPTURES.filter(({ name }) => !only || only.includes(name))) {
      for (const size of SIZES) {
        const { text, lines } = await take(capture, size, place, (await findRun(place, ASKED)) ?? '');
        texts.set(`${capture.name}-${size.columns}`, text);
        for (const theme of THEMES) {
          const file = `${capture.name}-${size.columns}-${theme}.svg`;
          writeFileSync(join(OUT, file), svgOf(lines, size.columns, theme));
        }
        process.stdout.write(`${capture.name}, ${size.columns} columns: ${lines.length} lines\n`);
      }
    }
    if (!only) writeFileSync(join(ROOT, 'docs/tour.md'), tourPage(texts));
    else for (const text of texts.values()) process.stdout.write(`${text}\n\n`);
  } finally {
    await up.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

// What was started ends with this process: at its `exit`, which a signal alone does not bring.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await main();
