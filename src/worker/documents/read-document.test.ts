import { describe, expect, test } from 'vitest';
import { makeDocx, paragraph } from '../../../test/support/make-docx.ts';
import { makePage, makePdf } from '../../../test/support/make-pdf.ts';
import type { DocumentInput, ParsedDocument } from './document.ts';
import { readDocument } from './read-document.ts';

async function read(body: string | Uint8Array, more: Partial<DocumentInput> = {}): Promise<ParsedDocument> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const asked = { bytes, mediaType: 'text/html', readable: false, maxChars: 1_000_000, url: 'https://a.example/' };
  const result = await readDocument({ ...asked, ...more });
  if ('refused' in result) throw new Error(`${result.refused}: ${result.problem}`);
  return result.document;
}
const text = async (html: string) => (await read(html)).text;
const pdf = (bytes: Uint8Array) => read(bytes, { mediaType: 'application/pdf' });

test.each([
  ['a list of choices', '<select><option>a<option>b', 'p'],
  ['a list of choices in a box', '<div><select><option>a</div>', 'p'],
  ['a drawing', '<svg><path d="x"/>', 'p'],
  ['a formula', '<math><mi>a</mi>', 'div'],
  ['a picture that is drawn', '<canvas>', 'p'],
  ['a film', '<div><video><source src="x">', 'p'],
  ['a frame', '<iframe src="x">', 'p'],
  ['an object', '<object data="x"><param name="a">', 'p'],
  ['a list of proposals', '<datalist id="x"><option>a', 'section'],
])('what stands after %s whose end was forgotten is read', async (_, begin, tag) => {
  const found = await text(`<p>before ${begin}<${tag}>first after</${tag}><div><p>second after</p></div>`);
  expect(found).toContain('before');
  expect(found).toMatch(/first after\s+second after$/);
});

test('scripts, styles, inert templates and choices are no text', async () => {
  const html =
    '<p>a<script>b</script><style>c</style><template>d</template><select><option>e</select><datalist><option>f</datalist><textarea>g</textarea> h</p>';
  expect(await text(html)).toBe('a h');
  expect(await text('<p>a<script>var never = "<p>ended"')).toBe('a');
});

test.each([
  ['<math alttext="E = mc^2"><mi>E</mi><mo>=</mo></math>', 'E = mc^2'],
  ['<math><mi>a</mi><mo>+</mo><mi>b</mi></math>', 'a+b'],
  [
    '<math><semantics><mi>E</mi><annotation encoding="application/x-tex">E=mc^2</annotation><annotation-xml><ci>x</ci></annotation-xml></semantics></math>',
    '$E=mc^2$',
  ],
])('a formula is written on its line: %s', async (formula, written) => {
  expect(await text(`<p>Let ${formula}, always.</p>`)).toBe(`Let ${written}, always.`);
});

test.each([
  [
    'a shadow tree',
    '<my-card><template shadowrootmode="open"><style>x</style><h2>Head</h2></template>Light</my-card>',
    '## Head\n\nLight',
  ],
  ['a dialog', '<dialog open><p>Asked</p></dialog><dialog><p>Later</p></dialog>', 'Asked\n\nLater'],
  [
    'the labels of a drawing',
    '<p>see<svg><title>icon</title><text>Left</text><text>Right</text></svg></p>',
    'see Left Right',
  ],
  [
    'a page only for readers without scripts',
    '<div id="root"></div><noscript><p>All of it</p></noscript>',
    'All of it',
  ],
  [
    'a page of frames',
    '<frameset cols="1,2"><frame src="a"><noframes><p>In words</p></noframes></frameset>',
    'In words',
  ],
])('%s is read', async (_, html, expected) => {
  expect(await text(html)).toBe(expected);
});

test('what is said to readers without scripts is left out of a page that has text', async () => {
  const words = 'words of this page '.repeat(20).trim();
  expect(await text(`<p>${words}</p><noscript>turn on scripts</noscript>`)).toBe(words);
});

test('a small thing beside the text is not taken for the article, and a part is told as one', async () => {
  const sentence = 'A sentence of the page, with a comma, that says something about birds and their nests. ';
  const rows = Array.from({ length: 60 }, (_, at) => `<tr><td>${at}<td>${sentence}</tr>`).join('');
  const small = `<article class="post content"><p>${sentence}</p><p>${sentence}</p></article><table>${rows}</table>`;
  const page = await read(`<body>${small}</body>`, { readable: true });
  expect(page.text.length).toBeGreaterThan(60 * sentence.length);
  expect(page).toMatchObject({ warning: '', completeness: 1 });

  const article = `<article><h1>Head</h1>${`<p>${sentence.repeat(4)}</p>`.repeat(8)}</article>`;
  const comments = `<div class="comments">${`<div class="comment"><p>${sentence}</p></div>`.repeat(200)}</div>`;
  const part = await read(`<body>${article}${comments}</body>`, { readable: true });
  expect(part.completeness).toBeLessThan(0.5);
  expect(part.warning).toMatch(/^what was taken for the article is \d+ % of the text of this page/);
  expect((await read(`<body>${article}<nav>${comments}</nav></body>`, { readable: true })).warning).toBe('');
});

test.each([
  ['UniGB-UCS2-H', 'GB1', 'STSong-Light', '合同的终止日期'],
  ['UniJIS-UCS2-H', 'Japan1', 'HeiseiMin-W3', '請求書と支払期限'],
  ['UniKS-UCS2-H', 'Korea1', 'HYSMyeongJo-Medium', '계약서 번호'],
  ['UniCNS-UCS2-H', 'CNS1', 'MSung-Light', '合約編號'],
])('a PDF whose letters are told by the table %s is read', async (table, ordering, base, words) => {
  const info = `/CIDSystemInfo << /Registry (Adobe) /Ordering (${ordering}) /Supplement 0 >>`;
  const under = `<< /Type /Font /Subtype /CIDFontType0 /BaseFont /${base} ${info} /DW 1000 >>`;
  const font = `<< /Type /Font /Subtype /Type0 /BaseFont /${base} /Encoding /${table} /DescendantFonts [${under}] >>`;
  const hex = Buffer.from(words, 'utf16le').swap16().toString('hex');
  expect((await pdf(makePage(`BT /F1 12 Tf 72 700 Td <${hex}> Tj ET`, { font }))).text).toBe(words);
});

test('fields and notes of a PDF are read after its page', async () => {
  const objects = [
    '<< /Type /Annot /Subtype /Widget /FT /Tx /T (customer) /V (Miller and Sons) /Rect [0 0 9 9] >>',
    '<< /Type /Annot /Subtype /Text /Contents (Please check.) /Rect [0 0 9 9] >>',
    '<< /Type /Annot /Subtype /Link /Contents (not this) /Rect [0 0 9 9] >>',
    '<< /Type /Annot /Subtype /Widget /FT /Btn /T (agreed) /V /Yes /AS /Yes /Rect [0 0 9 9] /AP << /N << /Yes 5 0 R /Off 5 0 R >> >> >>',
    '<< /Type /Annot /Subtype /Widget /FT /Btn /T (refused) /V /Off /AS /Off /Rect [0 0 9 9] /AP << /N << /Yes 5 0 R /Off 5 0 R >> >> >>',
  ];
  const more = '/Annots [6 0 R 7 0 R 8 0 R 9 0 R 10 0 R]';
  const page = await pdf(makePage('BT /F1 12 Tf 72 700 Td (Order) Tj ET', { more, objects }));
  expect(page.text).toBe('Order\nPlease check.\ncustomer: Miller and Sons\nagreed: Yes');
});

test('formulas that MathJax drew or is to draw are read', async () => {
  const frame = '<mjx-container class="MathJax CtxtMenu_Attached_0"><mjx-math aria-hidden="true"></mjx-math>';
  const drawn = `${frame}<mjx-assistive-mml><math><mi>a</mi><mo>+</mo><mi>b</mi></math></mjx-assistive-mml></mjx-container>`;
  const paragraphs = Array.from(
    { length: 5 },
    () => `<p>The sum, which is ${drawn}, is what we look for, and no more.</p>`,
  );
  const page = `<article><h1>Sums</h1>${paragraphs.join('')}</article>`;
  expect((await read(page, { readable: true })).text.match(/which is a\+b,/g)).toHaveLength(5);
  expect(await text('<p>Let <script type="math/tex">x &lt; y</script> hold.</p>')).toBe('Let $x &lt; y$ hold.');
});

test('a text is one text, whatever letters of it were written as entities', async () => {
  expect(await text('<p>4 &gt; 3 &amp; 2 &lt; 3<script>x</script> a</p>')).toBe('4 > 3 & 2 < 3 a');
  expect(await text('<p>&gt; said</p><p>1&#46; said</p>')).toBe('\\> said\n\n1\\. said');
});

test('what an article tells programs of itself is read, also between marks of XML', async () => {
  const told = { '@context': 'https://schema.org', '@type': 'Article', author: { name: 'Ann' }, datePublished: '2026' };
  const data = JSON.stringify(told);
  const article = `<article>${`<p>${'Words of an article, which go on. '.repeat(10)}</p>`.repeat(5)}</article>`;
  for (const written of [data, `\n<![CDATA[\n${data}\n]]>\n`]) {
    const page = `<script type="application/ld+json">${written}</script>${article}`;
    expect(await read(page, { readable: true })).toMatchObject({ byline: 'Ann', published: '2026' });
  }
});

test('a picture whose words are the name of its file has none', async () => {
  expect(await text('<p>a <img alt="IMG_4228.jpg"> b <img alt="A dog in the snow."></p>')).toMatch(
    /^a +b A dog in the snow\.$/,
  );
});

const long = (word: string, times: number) =>
  Array.from({ length: times }, (_, at) => `<p>${word} ${at}, that much is sure, and it goes on for a while.</p>`).join(
    '',
  );

test.each([
  ['comments', '<div id="comments" class="comment-list">', 60],
  ['what is related', '<div class="related-stories">', 8],
  ['a box at the side', '<section class="l-sidebar">', 8],
])('a short article beside %s is taken; what readers wrote is told', async (kind, begin, times) => {
  const html = `<div class="story"><h1>Head</h1>${long('Article', 14)}</div>${begin}${long('Another', times)}</div>`;
  const page = await read(`<body>${html}</body>`, { readable: true });
  expect(page.text).toContain('Article 13');
  expect(page.text).not.toContain('Another');
  expect(page.warning !== '').toBe(kind === 'comments');
});

test('what holds most of a page is its text, whatever it is called', async () => {
  const page = `<div class="story"><h1>Head</h1>${long('Short', 3)}</div><div class="widget">${long('Long', 60)}</div>`;
  expect((await read(`<body>${page}</body>`, { readable: true })).text).toContain('Long 59');
});

test.each([true, false])(
  'an article that only scripts would show is read from what the page tells programs (%s)',
  async (readable) => {
    const body = Array.from({ length: 20 }, (_, at) => `Sentence ${at} of it says this.`).join(' ');
    const data = (told: unknown) => `<script type="application/ld+json">${JSON.stringify(told)}</script>`;
    const app = '<div id="app"><p>Loading the page</p></div>';
    const graph = data({ '@graph': [{ '@type': 'WebPage' }, { '@type': 'NewsArticle', articleBody: body }] });
    expect((await read(`<p>${graph}</p>${app}`, { readable })).text).toContain(body);
    const marked = data({ '@type': 'Article', articleBody: `<p>${body}</p><p>The <b>end</b>.</p>` });
    expect((await read(`${marked}${app}`, { readable })).text).toContain(`${body}\n\nThe **end**.`);
    const shown = `${graph}<article><p>${body}</p></article>`;
    expect((await read(shown, { readable })).text.split('Sentence 3 ')).toHaveLength(2);
    expect((await read(`<script type="application/ld+json">{"articleBody": broken</script>${app}`)).text).toBe(
      'Loading the page',
    );
  },
);

const drawnBy = (words: string) => {
  const drawn = `BT /F1 12 Tf 2 20 Td (${words}) Tj 0 -14 Td [(by)-400(hand)] TJ ET`;
  const looks = '/BBox [0 0 200 40] /Resources << /Font << /F1 3 0 R >> >>';
  return `<< /Type /XObject /Subtype /Form ${looks} /Length ${drawn.length} >>\nstream\n${drawn}\nendstream`;
};
const annotated = (dictionary: string, drawn: string) =>
  makePage('BT /F1 12 Tf 72 700 Td (Order) Tj ET', {
    more: '/Annots [6 0 R]',
    objects: [`<< /Type /Annot /Rect [10 10 210 50] /F 4 /AP << /N 7 0 R >> ${dictionary} >>`, drawnBy(drawn)],
  });

test.each([
  ['a signature', '/Subtype /Widget /FT /Sig /T (sign)', 'Order\nSigned\nby hand'],
  ['a button', '/Subtype /Widget /FT /Btn /Ff 65536 /T (send)', 'Order\nSigned\nby hand'],
  [
    'a list, by what it shows',
    '/Subtype /Widget /FT /Ch /T (who) /Opt [[(c1) (Me)] [(c2) (You)]] /V (c2)',
    'Order\nwho: You\nSigned\nby hand',
  ],
  ['a stamp', '/Subtype /Stamp', 'Order\nSigned\nby hand'],
  ['text on the page, once', '/Subtype /FreeText /DA (/F1 12 Tf) /Contents (Signed by hand)', 'Order\nSigned by hand'],
  ['what is hidden, not at all', '/Subtype /Stamp /F 2 /Contents (secret)', 'Order'],
])('what is drawn over a page of a PDF is read: %s', async (_, dictionary, words) => {
  expect((await pdf(annotated(dictionary, 'Signed'))).text).toBe(words);
});

test('the window of a note does not say it a second time', async () => {
  const objects = [
    '<< /Type /Annot /Subtype /Text /Contents (Please check.) /Rect [0 0 9 9] /Popup 7 0 R >>',
    '<< /Type /Annot /Subtype /Popup /Parent 6 0 R /Rect [0 0 9 9] >>',
  ];
  const page = await pdf(makePage('BT /F1 12 Tf 72 700 Td (Order) Tj ET', { more: '/Annots [6 0 R 7 0 R]', objects }));
  expect(page.text).toBe('Order\nPlease check.');
});

test('letters that are printed over themselves to look bold are read once, others as often as they stand there', async () => {
  const bold = [0, 0.3, 0.6].map((beside) => `1 0 0 1 ${72 + beside} 700 Tm (Heavy head) Tj`).join(' ');
  const list = [0, 20].map((below) => `1 0 0 1 72 ${600 - below} Tm (yes) Tj`).join(' ');
  expect((await pdf(makePage(`BT /F1 12 Tf ${bold} ${list} ET`))).text).toMatch(/^Heavy head\s+yes\s+yes$/);
});

test('words of other lines and columns do not grow together, marks above a line stay in it', async () => {
  const at = (x: number, y: number, words: string, size = 12) => `/F1 ${size} Tf 1 0 0 1 ${x} ${y} Tm (${words}) Tj`;
  const columns = [at(72, 700, 'left'), at(300, 696, 'right'), at(72, 688, 'next'), at(300, 684, 'last')];
  expect((await pdf(makePage(`BT ${columns.join(' ')} ET`))).text).toMatch(/left\s+right\s+next\s+last/);
  const power = [at(72, 700, 'E = mc'), at(111, 705, '2', 7), at(115.2, 700, 'holds')];
  expect((await pdf(makePage(`BT ${power.join(' ')} ET`))).text).toMatch(/^E = mc ?2 ?holds$/);
});

test('words that were cut at the end of a line are whole again', async () => {
  const lines = (...all: string[]) => pdf(makePdf([all.join('\n')])).then((page) => page.text);
  expect(await lines('The government is respon-', 'sible for it.')).toBe('The government is responsible for it.');
  expect(await lines('a well-', 'known one, well-known to all')).toBe('a well-known one, well-known to all');
  expect(await lines('from 2020-', '2021 and A-', 'B')).toBe('from 2020-\n2021 and A-\nB');
});

test('a PDF says which of its pages hold no text, and which limit was met', async () => {
  const page = await pdf(makePdf(['one', '', 'three', '']));
  expect(page.completeness).toBe(0.5);
  expect(page.warning).toBe('2 of 4 pages hold no text; text in pictures is not read');
  expect(await read(makePdf(['one', 'two']), { mediaType: 'application/pdf', maxChars: 3 })).toMatchObject({
    limit: 'characters',
    truncated: true,
  });
});

test('a PDF with more pages than are read says that', { timeout: 60_000 }, async () => {
  const page = await pdf(makePdf(Array.from({ length: 2001 }, (_, at) => `word${at}`)));
  expect(page).toMatchObject({ limit: 'pages', truncated: true });
  expect(page.text).toContain('word1999');
  expect(page.text).not.toContain('word2000');
});

test('a DOCX is read, by its type or by its bytes', async () => {
  const cells = ['a', 'b'].map((cell) => `<w:tc>${paragraph(cell)}</w:tc>`).join('');
  const docx = makeDocx(
    `${paragraph('Head', 'Heading1')}${paragraph('Größe, 图')}<w:tbl><w:tr>${cells}</w:tr></w:tbl>`,
  );
  for (const mediaType of [
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/octet-stream',
    '',
  ]) {
    const { text } = await read(docx, { mediaType });
    expect(text).toContain('Größe, 图');
    expect(text).toMatch(/# Head/);
    expect(text).toMatch(/a[\s|]+b/);
  }
  await expect(read(Buffer.from('PK\x03\x04 word/document.xml'), { mediaType: '' })).rejects.toThrow('invalid');
});

describe('a charset that nobody said', () => {
  const SAMPLES = [
    ['gb18030', '合同的终止日期是七月四日。负责人为李雷。', 'us/NrLXE1tXWucjVxtrKx8bf1MLLxMjVoaO4utTwyMvOqsDuwNehow=='],
    ['gb18030', '你好', 'xOO6ww=='],
    [
      'shift_jis',
      '契約の終了日は七月四日です。担当者は田中さん。',
      'jF+W8YLMj0mXuZP6gs2OtYyOjmyT+oLFgreBQpJTk5aO0oLNk2OShoKzgvGBQg==',
    ],
    ['shift_jis', '会議の記録', 'ie+LY4LMi0yYXg=='],
    [
      'euc-jp',
      '契約の終了日は七月四日です。担当者は田中さん。',
      't8DM86TOvarOu8b8pM+8t7fuu83G/KTHpLmho8O0xfa81KTPxcTD5qS1pPOhow==',
    ],
    ['big5', '合約的終止日期是七月四日。負責人為李雷。', 'plis+aq6stek7qTptMGsT6RDpOulfKTpoUOtdLNkpEissKf1uXChQw=='],
    [
      'euc-kr',
      '계약의 종료일은 칠월 사일입니다. 담당자는 김씨입니다.',
      'sOi+4MDHIMG+t+HAz8C6IMSlv/kgu+fAz8DUtM+02S4gtOO058DatMIgsei+vsDUtM+02S4=',
    ],
    [
      'windows-1251',
      'Договор заканчивается четвёртого июля. Ответственный: Иванов.',
      'xO7j7uLu8CDn4Org7ffo4uDl8vH/IPfl8uK48PLu4+4g6P7r/y4gzvLi5fLx8uLl7e376TogyOLg7e7iLg==',
    ],
    [
      'windows-1252',
      'Der Vertrag endet am vierten Juli. Zuständig ist Frau Müller. Größe: zwölf Meter. Für später.',
      'RGVyIFZlcnRyYWcgZW5kZXQgYW0gdmllcnRlbiBKdWxpLiBadXN05G5kaWcgaXN0IEZyYXUgTfxsbGVyLiBHcvbfZTogenf2bGYgTWV0ZXIuIEb8ciBzcOR0ZXIu',
    ],
  ] as const;

  test.each(SAMPLES)('%s is told from the bytes of %s', async (charset, words, base64) => {
    const bytes = Buffer.from(base64, 'base64');
    const html = Buffer.concat([Buffer.from('<!doctype html><title>x</title><p>'), bytes, Buffer.from('</p>')]);
    expect(await read(bytes, { mediaType: 'text/plain', sureCharset: true })).toMatchObject({ text: words, charset });
    expect(await read(html)).toMatchObject({ text: words, charset });
  });

  test.each([
    ['windows-1251', 'русский текст про запуск', '8PPx8ero6SDy5erx8iDv8O4g5+Dv8/Hq'],
    ['koi8-r', 'русский текст про запуск', '0tXT08vJyiDUxcvT1CDQ0s8g2sHQ1dPL'],
  ])('a short text of %s is not taken for half-width kana or Latin', async (charset, words, base64) => {
    expect(await read(Buffer.from(base64, 'base64'), { mediaType: 'text/plain', sureCharset: true })).toMatchObject({
      charset,
      text: words,
      guessed: charset,
      warning: expect.stringContaining(`read as ${charset}`),
    });
  });

  test('a few Western letters in a long text are not taken for those of another alphabet', async () => {
    const words = "todo naïve foo_bar über launch Straße C++ etude istanbul naïve mastodon über Straße don't naïve\n";
    const bytes = Buffer.from(words.repeat(3), 'latin1');
    expect(await read(bytes, { mediaType: 'text/plain', sureCharset: true })).toMatchObject({
      text: words.repeat(3),
      charset: 'windows-1252',
      guessed: 'windows-1252',
    });
  });

  test.each([
    ['a comment', '<!-- <meta charset="koi8-r"> -->'],
    ['a script', '<script>x = \'<meta charset="koi8-r">\'</script>'],
    ['an attribute', '<p title=\'<meta charset="koi8-r">\'></p>'],
    ['a link', '<link rel="x" charset="koi8-r">'],
  ])('is not believed of %s', async (_, begin) => {
    const [, words, base64] = SAMPLES[0];
    const html = Buffer.concat([Buffer.from(begin), Buffer.from('<p>'), Buffer.from(base64, 'base64')]);
    expect((await read(html)).text).toContain(words);
  });

  test.each([['naïve', Buffer.from('na\xefve', 'latin1')]])(
    'is taken to be Latin where it cannot be told and little depends on it, which is said: %s',
    async (words, bytes) => {
      const sure = await read(bytes, { mediaType: 'text/plain', sureCharset: true });
      expect(sure).toMatchObject({
        text: words,
        charset: 'windows-1252',
        warning: expect.stringMatching(/not certain/),
      });
      expect(await read(bytes, { mediaType: 'text/plain' })).toMatchObject({ text: words, warning: '' });
    },
  );

  test.each([
    [
      'most of its letters are unknown',
      Buffer.from([0xe9, 0xe8, 0xe0, 0x20, 0xf9, 0xe7]),
      /invalid: its encoding cannot be told/,
    ],
    [
      'it has signs that no text has',
      Buffer.from('a\x01b\x02c\xe9d, which is long enough', 'latin1'),
      /type: a file of an unknown kind/,
    ],
  ])('is refused where it must be sure and %s', async (_, bytes, problem) => {
    await expect(read(bytes, { mediaType: 'text/plain', sureCharset: true })).rejects.toThrow(problem);
  });
});
