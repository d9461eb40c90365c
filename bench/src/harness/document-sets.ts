// Public sets of documents with their true text, as folders that someone got from where their makers publish them. Nothing of them
// is part of this repository.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { Parser } from 'htmlparser2';

export interface Sample {
  readonly name: string;
  readonly mediaType: string;
  readonly url: string | undefined;
  /** Where it is not as its own head says, because the set was written anew in it. */
  readonly charset: string | undefined;
  bytes(): Uint8Array;
  /** What a reader of it should find; undefined where nobody can tell. */
  truth(): Promise<string | undefined>;
}

export interface DocumentSet {
  /** Name of its folder, as `git clone` makes it. */
  readonly folder: string;
  readonly kind: 'articles' | 'PDF';
  /** Where it comes from. */
  readonly from: string;
  samples(folder: string): readonly Sample[];
}

export const DOCUMENT_SETS: readonly DocumentSet[] = [
  {
    folder: 'article-extraction-benchmark',
    kind: 'articles',
    from: 'https://github.com/scrapinghub/article-extraction-benchmark (MIT)',
    samples: benchmarkPages,
  },
  {
    folder: 'readability',
    kind: 'articles',
    from: 'https://github.com/mozilla/readability (Apache-2.0)',
    samples: readabilityPages,
  },
  { folder: 'pdf.js', kind: 'PDF', from: 'https://github.com/mozilla/pdf.js (Apache-2.0)', samples: pdfs },
  {
    folder: 'sample-files',
    kind: 'PDF',
    from: 'https://github.com/py-pdf/sample-files (CC-BY-SA-4.0)',
    samples: pdfs,
  },
  { folder: 'pdfminer.six', kind: 'PDF', from: 'https://github.com/pdfminer/pdfminer.six (MIT)', samples: pdfs },
];

function benchmarkPages(folder: string): Sample[] {
  const truths: Readonly<Record<string, { articleBody: string; url: string }>> = JSON.parse(
    readFileSync(join(folder, 'ground-truth.json'), 'utf8'),
  );
  return Object.entries(truths).map(([name, { articleBody, url }]) => ({
    name,
    url,
    mediaType: 'text/html',
    charset: 'utf-8',
    bytes: () => gunzipSync(readFileSync(join(folder, 'html', `${name}.html.gz`))),
    truth: async () => articleBody,
  }));
}

function readabilityPages(folder: string): Sample[] {
  const pages = join(folder, 'test', 'test-pages');
  const names = readdirSync(pages).filter((name) => existsSync(join(pages, name, 'expected.html')));
  return names.sort().map((name) => ({
    name,
    url: 'http://fakehost/test/page.html',
    mediaType: 'text/html',
    charset: 'utf-8',
    bytes: () => readFileSync(join(pages, name, 'source.html')),
    truth: async () => textOf(readFileSync(join(pages, name, 'expected.html'), 'utf8')),
  }));
}

function pdfs(folder: string): Sample[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.pdf$/i.test(name));
  return names.sort().map((name) => ({
    name,
    url: undefined,
    mediaType: 'application/pdf',
    charset: undefined,
    bytes: () => readFileSync(join(folder, name)),
    truth: () => popplerText(join(folder, name)),
  }));
}

const run = promisify(execFile);

/** Undefined for what Poppler cannot read either. */
async function popplerText(file: string): Promise<string | undefined> {
  const options = { maxBuffer: 64 << 20, timeout: 20_000 };
  return run('pdftotext', ['-q', '-enc', 'UTF-8', file, '-'], options).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}

export const hasPoppler = (): Promise<boolean> =>
  run('pdftotext', ['-v']).then(
    () => true,
    () => false,
  );

const INLINE = new Set([
  ...['a', 'abbr', 'b', 'code', 'em', 'font', 'i', 'mark', 'q', 's', 'small', 'span', 'strong', 'sub', 'sup', 'u'],
]);

/** The words of HTML that holds nothing but an article. */
function textOf(html: string): string {
  let text = '';
  const apart = (name: string) => {
    if (!INLINE.has(name)) text += ' ';
  };
  const parser = new Parser(
    { onopentagname: apart, onclosetag: apart, ontext: (piece) => (text += piece) },
    { decodeEntities: true },
  );
  parser.end(html);
  return text;
}
