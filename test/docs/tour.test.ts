// The tour is what `make tour` writes: each capture in each size, with what it is known for; no line is wider than its terminal, and
// nothing of the machine that it was taken on is in it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CAPTURES, SIZES, THEMES, tourPage } from '../../scripts/tour-captures.ts';
import { widthOf } from '../../src/base/text-columns.ts';
import { VERBS } from '../../src/main/verbs.ts';

const page = readFileSync('docs/tour.md', 'utf8');
/** The text of each capture, as it stands on the page. */
const texts = new Map(
  [...page.matchAll(/-(\d+)-light\.svg">\n<\/picture>\n\n```text\n([\s\S]*?)\n```/g)].map((found) => {
    const name = /tour\/([\w-]+)-\d+-light\.svg/.exec(
      page
        .slice(0, found.index + found[0].length)
        .split('<img')
        .at(-1) ?? '',
    );
    return [`${name?.[1]}-${found[1]}`, found[2] ?? ''];
  }),
);

test('the page is the one that the list of captures makes', () => {
  expect([...texts.keys()]).toEqual(CAPTURES.flatMap(({ name }) => SIZES.map(({ columns }) => `${name}-${columns}`)));
  expect(page, 'run: make tour').toBe(tourPage(texts));
});

test('there is a picture for each, and no other', () => {
  const named = CAPTURES.flatMap(({ name }) =>
    SIZES.flatMap(({ columns }) => THEMES.map((theme) => `${name}-${columns}-${theme}.svg`)),
  );
  expect(readdirSync('docs/tour').toSorted()).toEqual(named.toSorted());
});

describe.each(CAPTURES.flatMap((capture) => SIZES.map(({ columns }) => [capture.name, columns, capture] as const)))(
  '%s in %i columns',
  (name, columns, capture) => {
    const text = texts.get(`${name}-${columns}`) ?? '';
    const [first = '', ...lines] = text.split('\n');

    test('begins with its command, which exists, and shows what it is known for', () => {
      expect(first).toBe(`$ ${capture.command}`);
      const verb = /^\.\/bowline (\w+)/.exec(capture.command)?.[1];
      expect(verb === undefined || VERBS.some((each) => each.name === verb)).toBe(true);
      expect(lines.join('\n')).toMatch(capture.shows);
    });

    test('fits its terminal', () => {
      expect(lines.filter((line) => widthOf(line) > columns)).toEqual([]);
      if (capture.wholeScreen) expect(lines).toHaveLength(SIZES.find((size) => size.columns === columns)?.rows ?? 0);
    });

    test.each(THEMES)('its %s picture holds the same letters', (theme) => {
      const file = `docs/tour/${name}-${columns}-${theme}.svg`;
      expect(existsSync(file)).toBe(true);
      const letters = [...readFileSync(file, 'utf8').matchAll(/<text [^>]*>([^<]*)<\/text>/g)]
        .map(([, each]) => each)
        .join('');
      const plain = letters.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
      const signs = (of: string) => of.replaceAll(/\s/g, '');
      expect(signs(plain)).toBe(signs(capture.wholeScreen ? lines.join('') : text));
    });
  },
);

test('nothing of the machine on which it was taken is in it', () => {
  expect(page).not.toMatch(/\/tmp\/an|\/root\b|[0-9a-f]{8}-[0-9a-f]{4}-7(?!c11)[0-9a-f]{3}/);
});
