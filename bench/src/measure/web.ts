// What reading a page as Markdown costs beside fetching its bytes: the handler of Fetch beside bare undici, on one server.
import { type Bench, interleave, type Measure, ofSamples, type Row } from '../harness/measure.ts';

/** Milliseconds; the ratio tells mostly how long parsing takes, which a bare client does not do. */
const BUDGETS = { small: 15, large: 70 } as const;

export const webFetch: Measure = {
  name: 'web',
  what: 'web fetch against bare undici',
  run: async ({ lab, quick }: Bench) => {
    const [site, web] = [await lab.agent('web-site'), await lab.agent('web')];
    await web.call('open', { port: await site.call<number>('listen', {}) });
    const rows: Row[] = [];
    for (const [page, atMost] of Object.entries(BUDGETS)) {
      const args = { path: `/${page}`, ms: quick ? 400 : 3_000 };
      const sides = {
        ours: () => web.call<number[]>('ours', args),
        bare: () => web.call<number[]>('bare', args),
      };
      await interleave(1, sides);
      const times = await interleave(quick ? 3 : 7, sides);
      rows.push({
        measure: 'web',
        what: `a page as Markdown, p50, ${page === 'small' ? '2 KB' : '200 KB'} of HTML`,
        ours: ofSamples('Bowline', 'ms', times.ours),
        peers: [ofSamples('undici, bytes only', 'ms', times.bare)],
        budget: { atMost, absolute: true },
      });
    }
    return rows;
  },
};
