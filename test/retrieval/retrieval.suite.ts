// What retrieval promises, on any database that it runs on.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IngestState, type Passage } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { EMPTY } from '../../src/worker/documents/parsed.ts';
import { findCollection } from '../../src/worker/handlers/retrieval/store/collections.ts';
import type { PassageDatabase } from '../../src/worker/handlers/retrieval/store/database.ts';
import { ensureIndex } from '../../src/worker/handlers/retrieval/store/vector-index.ts';
import { LETTERS, RetrievalRig, type RigOptions } from '../support/retrieval-rig.ts';

const { ADDED, FAILED, REPLACED, UNCHANGED } = IngestState;

const PETS =
  '# Animals\n\n## Cats\n\nThe cat sleeps on the warm oven all day, and at night it walks along the roofs and sings to the moon.\n\n## Dogs\n\nThe dog guards the garden gate, and when somebody comes along it barks until its master looks out.\n';

export function retrievalSuite(open: () => Promise<PassageDatabase>): void {
  let database: PassageDatabase;
  const rigs: RetrievalRig[] = [];
  const rig = (options: RigOptions = {}) => {
    const made = new RetrievalRig(async () => database, {
      ...options,
      settings: { passageTokens: 40, overlapTokens: 8, ...options.settings },
    });
    rigs.push(made);
    return made;
  };
  let tenant = '';
  const states = (documents: readonly { state: IngestState }[]) => documents.map(({ state }) => state);
  const texts = (passages: readonly Passage[]) => passages.map(({ text }) => text);

  beforeAll(async () => {
    database = await open();
  });
  afterAll(async () => {
    for (const made of rigs) await made.close();
    await database?.close();
  });
  const fresh = () => {
    tenant = newId();
    return rig();
  };

  /** More documents than one request takes. */
  const ingestMany = async (retrieval: RetrievalRig, collection: string, texts: Readonly<Record<string, string>>) => {
    const all = Object.entries(texts);
    for (let at = 0; at < all.length; at += 60)
      await retrieval.ingest(tenant, collection, Object.fromEntries(all.slice(at, at + 60)));
  };

  test('a question finds the passage that answers it, with document, headings and lines', async () => {
    const retrieval = fresh();
    expect(states(await retrieval.ingest(tenant, 'pets', { 'animals.md': PETS }))).toEqual([ADDED]);
    await retrieval.ingest(tenant, 'pets', { 'other.txt': 'Nothing of the kind is told in here.' });
    const [best] = await retrieval.find(tenant, 'where does the cat sleep?', { collections: ['pets'] });
    expect(best).toMatchObject({
      collection: 'pets',
      document: 'animals.md',
      title: 'Animals',
      headings: ['Animals', 'Cats'],
    });
    const lines = PETS.split('\n').slice(best!.startLine - 1, best!.endLine);
    expect(lines.join('\n').trim()).toBe(best!.text.trim());
    expect(Buffer.from(PETS).subarray(Number(best!.startByte), Number(best!.endByte)).toString()).toBe(best!.text);
    expect(best!.vectorRank).toBe(1);
    expect(best!.textRank).toBe(1);
    expect(best!.score).toBeCloseTo(2 / 61, 9);
  });

  test('a Chinese text is found by a Chinese query, by one of two letters and by one letter', async () => {
    const retrieval = fresh();
    const before = '# 部署手册\n\n第一段讲的是别的事情，与此无关。\n\n';
    const answer = '数据库每天凌晨三点自动备份，备份文件保存三十天。';
    await retrieval.ingest(tenant, 'shouce', {
      'a.md': `${before}${answer}\n\n## 其他\n\n网络配置由管理员完成，猫不参与。\n`,
      'b.md': '# 用户指南\n\n登录之后可以修改密码和头像。\n',
    });
    for (const query of ['数据库什么时候备份？', '备份', '凌晨']) {
      const [best] = await retrieval.find(tenant, query);
      expect(best?.text).toContain(answer);
      expect(best?.textRank).toBe(1);
      expect(best!.startLine).toBeLessThanOrEqual(5);
      expect(best!.endLine).toBeGreaterThanOrEqual(5);
    }
    const [one] = await retrieval.find(tenant, '猫');
    expect(one?.text).toContain('猫');
    expect(one?.textRank).toBe(1);
  });

  test('what shares next to nothing with a query is not found, however near its letters are', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'c', {
      'boat.md': 'The boat was bought in 2011. Its hull number is HX-2231.',
      '灯塔.md': '灯塔管理员名叫王小明。灯塔高三十二米。',
    });
    for (const query of [
      'Who won the world cup in 1990?',
      'xylophone lessons',
      '飞艇什么时候起飞？',
      '世界杯冠军是谁？',
    ])
      expect(await retrieval.find(tenant, query), query).toEqual([]);
    for (const query of ['hull number', 'hull numbre of the boat', 'what did the boats cost, when bought?'])
      expect(
        (await retrieval.find(tenant, query)).map(({ document }) => document),
        query,
      ).toEqual(['boat.md']);
    for (const query of ['灯塔有多高？', '灯塔管理员叫什么名字？', '灯'])
      expect(
        (await retrieval.find(tenant, query)).map(({ document }) => document),
        query,
      ).toEqual(['灯塔.md']);
  });

  test('words find what vectors miss: a rare name, whole or in parts', async () => {
    const retrieval = fresh();
    const filler = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [
        `f${n}`,
        `The setting number ${n} changes how many connections are kept open.`,
      ]),
    );
    await retrieval.ingest(tenant, 'c', { ...filler, wanted: 'BOWLINE_DB_CONNECTIONS limits the pool.' });
    for (const query of [
      'BOWLINE_DB_CONNECTIONS',
      'bowline db',
      'what does bowline_db_connections do to all of the settings',
    ]) {
      expect((await retrieval.find(tenant, query))[0]).toMatchObject({ document: 'wanted', textRank: 1 });
    }
  });

  test('unchanged content is not embedded again, and a changed document only where it changed', async () => {
    const retrieval = fresh();
    const sections = Array.from({ length: 10 }, (_, n) => `## Part ${n}\n\n${`Sentence of part ${n}. `.repeat(6)}\n`);
    const [first] = await retrieval.ingest(tenant, 'c', { 'doc.md': sections.join('\n') });
    expect(first).toMatchObject({ state: ADDED, passages: 10, embedded: 10 });
    expect(retrieval.embedded).toBe(10);
    const [again] = await retrieval.ingest(tenant, 'c', { 'doc.md': sections.join('\n') });
    expect(again).toMatchObject({ state: UNCHANGED, passages: 10, embedded: 0 });
    expect(retrieval.embedded).toBe(10);
    sections[4] = `## Part 4\n\n${'Something else entirely. '.repeat(5)}\n`;
    const [changed] = await retrieval.ingest(tenant, 'c', { 'doc.md': sections.join('\n') });
    expect(changed).toMatchObject({ state: REPLACED, passages: 10, embedded: 1 });
    expect(retrieval.embedded).toBe(11);
    expect((await retrieval.find(tenant, 'something else entirely'))[0]?.text).toContain('Part 4');
    expect(await retrieval.find(tenant, 'Sentence of part 4.', { pageSize: 50 })).toHaveLength(10);
    expect(texts(await retrieval.find(tenant, 'Sentence', { pageSize: 50 })).join()).not.toContain('part 4');
  });

  test('the same document under another grant is unchanged, and its grant is written down', async () => {
    const retrieval = fresh();
    const body = { case: 'text' as const, value: 'One passage.' };
    const put = async (grant: string) =>
      (await retrieval.call('ingest', tenant, { collection: 'c', documents: [{ id: 'd', body, grant }] })).documents[0];
    expect(await put('first')).toMatchObject({ state: ADDED });
    expect(await put('second')).toMatchObject({ state: UNCHANGED, passages: 1, embedded: 0 });
    const grants = await database.within(tenant, 'look', ({ trx }) =>
      trx.selectFrom('document').select('grant_id').where('tenant', '=', tenant).where('id', '=', 'd').execute(),
    );
    expect(grants).toContainEqual({ grant_id: 'second' });
    expect(grants).not.toContainEqual({ grant_id: 'first' });
  });

  test('a change of title or metadata alone replaces the document and embeds only what it must', async () => {
    const retrieval = fresh();
    const body = { case: 'text' as const, value: 'One passage.' };
    const put = async (more: object) =>
      (await retrieval.call('ingest', tenant, { collection: 'c', documents: [{ id: 'd', body, ...more }] }))
        .documents[0];
    expect(await put({})).toMatchObject({ state: ADDED, embedded: 1 });
    expect(await put({ metadata: { lang: 'en' } })).toMatchObject({ state: REPLACED, embedded: 0 });
    expect(await put({ metadata: { lang: 'en' }, title: 'T' })).toMatchObject({ state: REPLACED, embedded: 1 });
    expect(await retrieval.find(tenant, 'passage', { metadata: { lang: 'en' } })).toHaveLength(1);
  });

  test('vectors of nothing do not stay', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'c', { a: 'shared text', b: 'shared text', c: 'of its own' });
    const stored = () =>
      database.within(tenant, 'look', async ({ trx }) => {
        const rows = await trx.selectFrom('embedding').select('hash').where('tenant', '=', tenant).execute();
        return rows.length;
      });
    expect(await stored()).toBe(2);
    expect(retrieval.embedded).toBe(2);
    await retrieval.call('delete', tenant, {
      collection: 'c',
      what: { case: 'documents', value: { ids: ['a', 'c'] } },
    });
    expect(await stored()).toBe(1);
    await retrieval.ingest(tenant, 'c', { b: 'changed' });
    expect(await stored()).toBe(1);
    await retrieval.call('delete', tenant, { collection: 'c', what: { case: 'everything', value: true } });
    expect(await stored()).toBe(0);
  });

  test('nobody sees another tenant: not by name, by search, by list, by filter or by time', async () => {
    const retrieval = fresh();
    const mine = tenant;
    const other = newId();
    await retrieval.ingest(mine, 'c', { doc: 'The secret of the first tenant is vermilion.' });
    await retrieval.ingest(other, 'c', { doc: 'The second tenant has nothing.' });
    await retrieval.ingest(mine, 'only-mine', { doc: 'vermilion again' });
    expect(await retrieval.find(other, 'vermilion secret')).toEqual([]);
    expect(texts(await retrieval.find(other, 'what has the second tenant'))).toEqual([
      'The second tenant has nothing.',
    ]);
    await expect(retrieval.find(other, 'x', { collections: ['only-mine'] })).rejects.toMatchObject({
      reason: 'COLLECTION_UNKNOWN',
    });
    await expect(retrieval.call('listDocuments', other, { collection: 'only-mine' })).rejects.toMatchObject({
      reason: 'COLLECTION_UNKNOWN',
    });
    expect((await retrieval.call('listCollections', other, {})).collections.map(({ name }) => name)).toEqual(['c']);
    const gone = await retrieval.call('delete', other, {
      collection: 'only-mine',
      what: { case: 'everything', value: true },
    });
    expect(gone.documents).toBe(0);
    await retrieval.call('delete', other, { collection: 'c', what: { case: 'everything', value: true } });
    expect(texts(await retrieval.find(mine, 'vermilion'))).toHaveLength(2);
  });

  test('composed and decomposed names are the same name where one is looked for', async () => {
    const retrieval = fresh();
    const [composed, decomposed] = ['caf\u00e9/men\u00fc.md', 'cafe\u0301/menu\u0308.md'];
    const list = async (idPrefix: string) =>
      (await retrieval.call('listDocuments', tenant, { collection: 'c', idPrefix })).documents.length;
    for (const [stored, asked] of [
      [composed, decomposed],
      [decomposed, composed],
    ] as const) {
      await retrieval.ingest(tenant, 'c', { [stored]: 'coffee costs two', other: 'coffee costs three' });
      expect(await list(asked.slice(0, 5))).toBe(1);
      const found = await retrieval.find(tenant, 'coffee', { idPrefix: asked });
      expect(found.map(({ document }) => document)).toEqual([stored]);
      const what = { case: 'documents' as const, value: { ids: [asked] } };
      expect(await retrieval.call('delete', tenant, { collection: 'c', what })).toMatchObject({ documents: 1 });
      await retrieval.ingest(tenant, 'c', { [stored]: 'coffee costs two' });
      const prefix = { case: 'idPrefix' as const, value: asked.slice(0, 5) };
      expect(await retrieval.call('delete', tenant, { collection: 'c', what: prefix })).toMatchObject({ documents: 1 });
    }
  });

  test('a statement that forgets the tenant sees nothing of another one', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'c', { doc: 'text' });
    const seen = await database.within(newId(), 'look', async ({ trx }) => {
      const collections = await trx.selectFrom('collection').select('id').execute();
      const documents = await trx.selectFrom('document').select('key').execute();
      return collections.length + documents.length;
    });
    expect(seen).toBe(0);
    await expect(
      database.within(newId(), 'change', ({ trx }) =>
        trx
          .insertInto('collection')
          .values({ tenant, name: 'x', model: '', model_id: 'm', dimension: 1, lexical: true })
          .execute(),
      ),
    ).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  });

  test('a collection whose model cannot be asked is left out and named; the others are searched', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'old', { a: 'the launch of the boat is on Monday' });
    retrieval.model = { name: 'test/new-version', dimension: 128 };
    await retrieval.ingest(tenant, 'new', { b: 'the launch of the boat is on Friday' });
    for (const collections of [[], ['old', 'new']]) {
      const found = await retrieval.call('search', tenant, { query: 'when is the launch', collections });
      expect(found.passages.map(({ document }) => document)).toEqual(['b']);
      expect(found.collections).toEqual(['new']);
      expect(found.skipped).toMatchObject([{ collection: 'old', reason: 'COLLECTION_OTHER_MODEL' }]);
    }
  });

  test('a collection that is not there is left out and named; where none is there, that is the error', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'here', { a: 'the launch of the boat is on Monday' });
    const found = await retrieval.call('search', tenant, { query: 'launch', collections: ['gone', 'here'] });
    expect(found.passages.map(({ document }) => document)).toEqual(['a']);
    expect(found.skipped).toMatchObject([{ collection: 'gone', reason: 'COLLECTION_UNKNOWN' }]);
    const none = retrieval.call('search', tenant, { query: 'launch', collections: ['gone', 'away'] });
    await expect(none).rejects.toMatchObject({ reason: 'COLLECTION_UNKNOWN' });
  });

  test('a collection is embedded anew by another model, in pieces, while it answers; then it is as if it had been made by it', async () => {
    const retrieval = fresh();
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`d${n}`, `the boat number ${n} sails`]));
    await ingestMany(retrieval, 'old', many);
    const old = retrieval.model;
    const other = { name: 'test/other', dimension: 64 };
    const step = () => retrieval.call('reEmbed', tenant, { collection: 'old' });
    const places = async () => (await retrieval.call('listDocuments', tenant, { collection: 'old' })).documents.length;
    retrieval.model = other;
    const first = await step();
    expect(first).toMatchObject({ finished: false, done: first.embedded, total: 300, model: 'test/other' });
    // Meanwhile it is what it was, also for what is added, and what is added is embedded anew as well.
    retrieval.model = old;
    expect((await retrieval.find(tenant, 'boat number 7', { collections: ['old'] })).length).toBeGreaterThan(0);
    expect(states(await retrieval.ingest(tenant, 'old', { late: 'a late boat' }))).toEqual([ADDED]);
    retrieval.model = other;
    expect((await retrieval.call('listCollections', tenant, {})).collections.map(({ name }) => name)).toEqual(['old']);
    let last = first;
    let embedded = first.embedded;
    for (let call = 0; !last.finished && call < 9; call++) {
      last = await step();
      embedded += last.embedded;
    }
    expect(last).toMatchObject({ finished: true, done: 301, total: 301 });
    expect(embedded).toBe(301);
    expect(await step()).toMatchObject({ finished: true, embedded: 0 });
    expect((await retrieval.find(tenant, 'a late boat', { collections: ['old'] }))[0]?.document).toBe('late');
    expect(await places()).toBe(100);
    expect((await retrieval.call('listCollections', tenant, {})).collections).toMatchObject([
      { name: 'old', model: 'test/other', dimension: 64, documents: 301 },
    ]);
    // It takes documents again, and an unchanged one is not embedded again.
    const before = retrieval.embedded;
    expect(states(await retrieval.ingest(tenant, 'old', { late: 'a late boat', next: 'one more' }))).toEqual([
      UNCHANGED,
      ADDED,
    ]);
    expect(retrieval.embedded).toBe(before + 1);
    await retrieval.call('delete', tenant, { collection: 'old', what: { case: 'everything', value: true } });
    await expect(step()).rejects.toMatchObject({ reason: 'COLLECTION_UNKNOWN' });
  });

  test('a re-embedding that a third model goes on with begins anew, and one back to its own model changes nothing', async () => {
    const retrieval = fresh();
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`d${n}`, `the cart number ${n} rolls`]));
    await ingestMany(retrieval, 'c', many);
    const own = retrieval.model;
    const step = () => retrieval.call('reEmbed', tenant, { collection: 'c' });
    retrieval.model = { name: 'test/second', dimension: 32 };
    expect(await step()).toMatchObject({ finished: false });
    retrieval.model = own;
    expect(await step()).toMatchObject({ finished: true, embedded: 0, model: own.name });
    retrieval.model = { name: 'test/second', dimension: 32 };
    expect(await step()).toMatchObject({ finished: false });
    retrieval.model = { name: 'test/third', dimension: 16 };
    let last = await step();
    for (let call = 0; !last.finished && call < 9; call++) last = await step();
    expect(last).toMatchObject({ finished: true, total: 250, model: 'test/third' });
    expect((await retrieval.find(tenant, 'the cart number 9')).length).toBeGreaterThan(0);
  });

  test.each<[string, object]>([
    ['an id', { id: 'a\0b', body: { case: 'text', value: 'words' } }],
    ['a grant', { id: 'a', grant: 'x\0', body: { case: 'text', value: 'words' } }],
    ['a metadata key', { id: 'a', metadata: { 'k\0': 'v' }, body: { case: 'text', value: 'words' } }],
    ['a metadata value', { id: 'a', metadata: { k: '\ud800' }, body: { case: 'text', value: 'words' } }],
  ])('what cannot be kept is refused by name, and the documents beside it are added: %s', async (what, bad) => {
    const retrieval = fresh();
    const good = (id: string) => ({ id, body: { case: 'text' as const, value: `a good document ${id}` } });
    const documents = [good('1'), bad, good('2')];
    const done = (await retrieval.call('ingest', tenant, { collection: 'c', documents })).documents;
    expect(states(done)).toEqual([ADDED, FAILED, ADDED]);
    expect(done[1]).toMatchObject({ reason: 'INVALID_ARGUMENT' });
    expect(done[1]?.problem).toContain(what.split(' ').at(-1));
  });

  test.each<[string, object]>([
    ['a title', { title: 'a\0b\ud800' }],
    ['front matter', { body: { case: 'text', value: '---\ntitle: "a\\0b\\ud800"\n---\n\nwords' } }],
    ['the text', { body: { case: 'text', value: `${'words '.repeat(400)}\ud800 end` } }],
    ['a heading', { body: { case: 'text', value: '# a&#0;b\n\nwords' } }],
  ])('what a document says is cleaned: %s', async (_what, more) => {
    const retrieval = fresh();
    const document = { id: 'a.md', body: { case: 'text' as const, value: 'words of it' }, ...more };
    const documents = [document, { id: 'b', body: { case: 'text' as const, value: 'another' } }];
    const done = (await retrieval.call('ingest', tenant, { collection: 'c', documents })).documents;
    expect(states(done)).toEqual([ADDED, ADDED]);
    expect((await retrieval.find(tenant, 'words')).some(({ document }) => document === 'a.md')).toBe(true);
  });

  test('a document that the model does not take fails alone', async () => {
    const retrieval = fresh();
    const before = ({ texts }: { texts: readonly string[] }) => {
      if (texts.some((text) => text.includes('poison')))
        throw new AppError('PROVIDER_REFUSED', { provider: 'p', problem: 'no' });
    };
    retrieval.model = { ...LETTERS, before };
    const done = await retrieval.ingest(tenant, 'c', { a: 'good', b: 'poison', c: 'good too' });
    expect(states(done)).toEqual([ADDED, FAILED, ADDED]);
  });

  test('a search with what no name can hold is refused by name, and a query with it is only words', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'c', { a: 'words' });
    expect(await retrieval.find(tenant, 'words\0\ud800')).toHaveLength(1);
    await expect(retrieval.find(tenant, 'words', { idPrefix: 'a\0' })).rejects.toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
    await expect(retrieval.call('listDocuments', tenant, { collection: 'c', idPrefix: '\0' })).rejects.toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
  });

  test('a collection keeps the model of its first document', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'c', { a: 'first' }, 'letters');
    await expect(retrieval.ingest(tenant, 'c', { b: 'second' }, 'other')).rejects.toMatchObject({
      reason: 'COLLECTION_OTHER_MODEL',
    });
    retrieval.model = { name: 'test/new-version', dimension: 128 };
    await expect(retrieval.ingest(tenant, 'c', { b: 'second' })).rejects.toMatchObject({
      reason: 'COLLECTION_OTHER_MODEL',
      metadata: { has: LETTERS.name, wanted: 'test/new-version' },
    });
    await expect(retrieval.find(tenant, 'first', { collections: ['c'] })).rejects.toMatchObject({
      reason: 'COLLECTION_OTHER_MODEL',
    });
    await retrieval.ingest(tenant, 'new', { b: 'second' });
    const { collections } = await retrieval.call('listCollections', tenant, {});
    expect(collections).toMatchObject([
      { name: 'c', documents: 1, passages: 1, model: LETTERS.name, dimension: 128, lexical: true },
      { name: 'new', model: 'test/new-version' },
    ]);
  });

  test('collections of two models are searched together, and each says its own', async () => {
    const retrieval = fresh();
    const models: Record<string, number> = { small: 64, large: 256 };
    const many = rig({
      model: {
        ...LETTERS,
        before: ({ model }) => {
          many.model = { ...many.model, name: `test/${model}`, dimension: models[model]! };
        },
      },
    });
    await many.ingest(tenant, 'one', { a: 'The heron stands in the reeds.' }, 'small');
    await many.ingest(tenant, 'two', { b: 'A heron was seen by the lake.' }, 'large');
    const found = await many.call('search', tenant, { query: 'heron' });
    expect(found).toMatchObject({ collections: ['one', 'two'], models: ['test/small', 'test/large'] });
    expect(found.passages.map(({ document, vectorRank }) => [document, vectorRank]).sort()).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    expect(retrieval.embedded).toBe(0);
  });

  test('filters by id and by metadata bind both kinds of search', async () => {
    const retrieval = fresh();
    const document = (id: string, lang: string) => ({
      id,
      body: { case: 'text' as const, value: `The answer of ${id} is forty-two.` },
      metadata: { lang, kind: 'note' },
    });
    const documents = ['docs/a', 'docs/b', 'src/a', 'src/%_'].map((id, at) => document(id, at % 2 ? 'de' : 'en'));
    await retrieval.call('ingest', tenant, { collection: 'c', documents });
    const ids = async (more: object) =>
      (await retrieval.find(tenant, 'answer forty-two', more)).map(({ document: id }) => id).sort();
    expect(await ids({})).toEqual(['docs/a', 'docs/b', 'src/%_', 'src/a']);
    expect(await ids({ idPrefix: 'docs/' })).toEqual(['docs/a', 'docs/b']);
    expect(await ids({ idPrefix: 'src/%' })).toEqual(['src/%_']);
    expect(await ids({ metadata: { lang: 'de' } })).toEqual(['docs/b', 'src/%_']);
    expect(await ids({ metadata: { lang: 'de', kind: 'note' }, idPrefix: 'docs/' })).toEqual(['docs/b']);
    expect(await ids({ metadata: { lang: 'fr' } })).toEqual([]);
  });

  test('equals come in one order, every time', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'b', { z: 'same words', a: 'same words', m: 'same words' });
    await retrieval.ingest(tenant, 'a', { q: 'same words' });
    const order = async () =>
      (await retrieval.find(tenant, 'same words')).map(({ collection, document }) => `${collection}/${document}`);
    const first = await order();
    expect(first).toEqual(['a/q', 'b/a', 'b/m', 'b/z']);
    await retrieval.ingest(tenant, 'b', { a: 'other words' });
    await retrieval.ingest(tenant, 'b', { a: 'same words' });
    expect(await order()).toEqual(first);
  });

  test('lists go on where the page before ended, whatever comes or goes meanwhile', async () => {
    const retrieval = fresh();
    await retrieval.ingest(
      tenant,
      'c',
      Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`d${n}`, `text ${n}`])),
    );
    const page = (pageToken = '') =>
      retrieval.call('listDocuments', tenant, { collection: 'c', pageSize: 4, pageToken });
    const first = await page();
    await retrieval.call('delete', tenant, {
      collection: 'c',
      what: { case: 'documents', value: { ids: ['d3', 'd1'] } },
    });
    await retrieval.ingest(tenant, 'c', { d0a: 'new, before the position', d5a: 'new, behind it' });
    const second = await page(first.nextPageToken);
    const third = await page(second.nextPageToken);
    expect([first, second, third].flatMap(({ documents }) => documents.map(({ id }) => id))).toEqual([
      ...['d0', 'd1', 'd2', 'd3'],
      ...['d4', 'd5', 'd5a', 'd6'],
      ...['d7', 'd8'],
    ]);
    expect(third.nextPageToken).toBe('');
    expect(first.documents[0]).toMatchObject({ mediaType: 'text/plain', passages: 1, bytes: 6n });
    expect(first.documents[0]!.sha256).toHaveLength(32);
    await expect(page('nonsense')).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });

  test('deleting takes what it names, and again takes nothing', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'c', { 'a/1': 'one', 'a/2': 'two', 'b/1': 'three' });
    const remove = async () =>
      (await retrieval.call('delete', tenant, { collection: 'c', what: { case: 'idPrefix', value: 'a/' } })).documents;
    expect(await remove()).toBe(2);
    expect(await remove()).toBe(0);
    expect(await retrieval.find(tenant, 'one two')).toEqual([]);
    expect(texts(await retrieval.find(tenant, 'three'))).toEqual(['three']);
    const { collections } = await retrieval.call('listCollections', tenant, {});
    expect(collections).toMatchObject([{ documents: 1, passages: 1, bytes: 5n }]);
  });

  test('documents that cannot be read fail alone, and say why', async () => {
    fresh();
    const retrieval = rig({
      parser: {
        parse: async ({ bytes, mediaType }) => {
          if (mediaType === 'text/html') {
            return { ...EMPTY, text: '# Page\n\nThe body of the page.', title: 'Page' };
          }
          if (bytes.length < 20) throw new AppError('DOCUMENT_UNREADABLE', { problem: 'the PDF is damaged' });
          const first = 'First page about otters.\n\n';
          const pages = [
            { number: 1, offset: 0 },
            { number: 2, offset: first.length },
          ];
          const text = `${first}Second page about badgers.`;
          return { ...EMPTY, text, title: 'Animals', pages, truncated: bytes.length > 100 };
        },
        close: async () => {},
      },
      settings: { documentPassages: 3 },
    });
    const data = (id: string, bytes: Uint8Array, mediaType = '') => ({
      id,
      mediaType,
      body: { case: 'data' as const, value: bytes },
    });
    const result = await retrieval.call('ingest', tenant, {
      collection: 'c',
      documents: [
        data('broken.pdf', Buffer.from('%PDF-1.7 broken')),
        data('good.pdf', Buffer.from('%PDF-1.7 and so on and on')),
        data('endless.pdf', Buffer.from(`%PDF-1.7 ${'and on '.repeat(20)}`)),
        data('latin.txt', Buffer.from('caf\xe9', 'latin1')),
        data('said.txt', Buffer.from('caf\xe9', 'latin1'), 'text/plain; charset=iso-8859-1'),
        data('gb.txt', Buffer.from([0xd6, 0xd0, 0xce, 0xc4]), 'text/plain; charset=gb18030'),
        data('binary', Buffer.from(Array.from({ length: 200 }, (_, n) => n % 8))),
        data('image.png', Buffer.from('x'), 'image/png'),
        { id: 'empty', body: { case: 'text', value: ' \n\n' } },
        { id: 'long', body: { case: 'text', value: 'some words\n\n'.repeat(300) } },
        { id: 'page.html', body: { case: 'text', value: '<p>x' } },
      ],
    });
    expect(result.documents.map(({ id, state, reason }) => [id, state, reason])).toEqual([
      ['broken.pdf', FAILED, 'DOCUMENT_UNREADABLE'],
      ['good.pdf', ADDED, ''],
      ['endless.pdf', FAILED, 'DOCUMENT_UNREADABLE'],
      ['latin.txt', FAILED, 'DOCUMENT_UNREADABLE'],
      ['said.txt', ADDED, ''],
      ['gb.txt', ADDED, ''],
      ['binary', FAILED, 'DOCUMENT_UNREADABLE'],
      ['image.png', FAILED, 'DOCUMENT_UNREADABLE'],
      ['empty', FAILED, 'DOCUMENT_UNREADABLE'],
      ['long', FAILED, 'LIMIT_EXCEEDED'],
      ['page.html', ADDED, ''],
    ]);
    expect(result.documents[9]?.problem).toContain('BOWLINE_RETRIEVAL_DOCUMENT_PASSAGES');
    expect((await retrieval.find(tenant, 'badgers'))[0]).toMatchObject({
      document: 'good.pdf',
      page: 2,
      startLine: 0,
      title: 'Animals',
    });
    expect((await retrieval.find(tenant, '中文'))[0]).toMatchObject({ document: 'gb.txt', text: '中文' });
  });

  test('a document that fails leaves the one before', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'c', { a: 'the old text' });
    expect(states(await retrieval.ingest(tenant, 'c', { a: '\n' }))).toEqual([FAILED]);
    expect(texts(await retrieval.find(tenant, 'old text'))).toEqual(['the old text']);
  });

  test('limits of a collection bite one document at a time, and say their setting', async () => {
    fresh();
    const retrieval = rig({
      settings: { collectionDocuments: 2, collectionPassages: 4, collectionBytes: 300, tenantCollections: 2 },
    });
    const problems = (documents: readonly { problem: string }[]) =>
      documents.map(({ problem }) => /BOWLINE_\w+/.exec(problem)?.[0] ?? '');
    expect(problems(await retrieval.ingest(tenant, 'c', { a: 'x', b: 'y', c: 'z' }))).toEqual([
      '',
      '',
      'BOWLINE_RETRIEVAL_COLLECTION_DOCUMENTS',
    ]);
    const long = Array.from({ length: 5 }, (_, n) => `${n} ${'w'.repeat(100)}`).join('\n\n');
    expect(problems(await retrieval.ingest(tenant, 'c', { a: long }))).toEqual([
      'BOWLINE_RETRIEVAL_COLLECTION_PASSAGES',
    ]);
    expect(problems(await retrieval.ingest(tenant, 'c', { a: 'x '.repeat(155) }))).toEqual([
      'BOWLINE_RETRIEVAL_COLLECTION_BYTES',
    ]);
    await retrieval.ingest(tenant, 'd', { a: 'x' });
    expect(problems(await retrieval.ingest(tenant, 'e', { a: 'x' }))).toEqual(['BOWLINE_RETRIEVAL_TENANT_COLLECTIONS']);
    expect((await retrieval.call('listCollections', tenant, {})).collections.map(({ name }) => name)).toEqual([
      'c',
      'd',
    ]);
  });

  test('ingests of one document at once end in one of them, whole', async () => {
    const retrieval = fresh();
    const versions = Array.from({ length: 6 }, (_, v) =>
      Array.from({ length: 4 }, (_, n) => `## Part ${n}\n\n${`version ${v} part ${n} says so. `.repeat(5)}`).join(
        '\n\n',
      ),
    );
    await Promise.all(versions.map((text) => retrieval.ingest(tenant, 'c', { doc: text })));
    const found = await retrieval.find(tenant, 'version part', { pageSize: 50 });
    const seen = new Set(found.map(({ text }) => /version (\d)/.exec(text)?.[1]));
    expect(seen.size).toBe(1);
    expect(found).toHaveLength(4);
    expect((await retrieval.call('listCollections', tenant, {})).collections).toMatchObject([
      { documents: 1, passages: 4 },
    ]);
  });

  test('whoever searches while a document is exchanged sees the old one or the new one', async () => {
    const retrieval = fresh();
    const version = (v: number) =>
      Array.from({ length: 3 }, (_, n) => `## P${n}\n\n${`edition ${v} line ${n}. `.repeat(6)}`).join('\n\n');
    await retrieval.ingest(tenant, 'c', { doc: version(0) });
    let writing = true;
    const writer = (async () => {
      for (let v = 1; v <= 8; v++) await retrieval.ingest(tenant, 'c', { doc: version(v) });
    })().finally(() => {
      writing = false;
    });
    while (writing) {
      const found = await retrieval.find(tenant, 'edition line', { pageSize: 50 });
      expect(found).toHaveLength(3);
      expect(new Set(found.map(({ text }) => /edition (\d)/.exec(text)?.[1])).size).toBe(1);
    }
    await writer;
  });

  test('a cancelled ingest leaves the old document and embeds nothing more', async () => {
    const retrieval = fresh();
    await retrieval.ingest(tenant, 'c', { doc: 'the old text' });
    const stop = new AbortController();
    retrieval.model = { ...LETTERS, before: () => stop.abort(new AppError('CANCELED')) };
    const documents = [{ id: 'doc', body: { case: 'text' as const, value: 'the new text' } }];
    await expect(
      retrieval.call('ingest', tenant, { collection: 'c', documents }, { signal: stop.signal }),
    ).rejects.toMatchObject({ reason: 'CANCELED' });
    retrieval.model = LETTERS;
    expect(texts(await retrieval.find(tenant, 'text'))).toEqual(['the old text']);
  });

  test('progress is told, and never content', async () => {
    const retrieval = fresh();
    const told: [number, number, string | undefined][] = [];
    const documents = ['a', 'b'].map((id) => ({
      id: `secret-${id}`,
      body: { case: 'text' as const, value: `secret ${id}` },
    }));
    await retrieval.call(
      'ingest',
      tenant,
      { collection: 'c', documents },
      { progress: (...words) => told.push(words as never) },
    );
    expect(told.at(-1)?.slice(0, 2)).toEqual([2, 2]);
    expect(told.some(([, , note]) => note === 'embedded 2 of 2 passages')).toBe(true);
    expect(JSON.stringify(told)).not.toContain('secret');
  });

  test('what Postgres cannot hold is kept as it can be', async () => {
    const retrieval = fresh();
    const odd = `nul \0 here, quote ' and \\ backslash, half \ud800 pair`.toWellFormed();
    await retrieval.ingest(tenant, 'c', { "d'o\\c": odd });
    expect((await retrieval.find(tenant, `quote ' \\ " & | ! ( ) : * <-> backslash`))[0]).toMatchObject({
      document: "d'o\\c",
      text: odd.replace('\0', '\ufffd'),
    });
    expect(await retrieval.find(tenant, '!?', { pageSize: 1 })).toHaveLength(1);
  });

  test('through an index the same is found as without, with filters and after changes', {
    timeout: 60_000,
  }, async () => {
    fresh();
    const words = ['river', 'stone', 'cloud', 'maple', 'engine', 'harbor', 'violin', 'pepper', 'ladder', 'window'];
    const text = (n: number) =>
      `Note ${n}: ${words[n % 10]} and ${words[(n * 7 + 3) % 10]} meet ${words[(n * 3 + 1) % 10]} ${n * 37}.`;
    const exact = rig({ settings: { exactVectors: 100_000, embeddedExactVectors: 100_000 } });
    const indexed = rig({ settings: { exactVectors: 20, embeddedExactVectors: 20 } });
    for (let at = 0; at < 320; at += 64) {
      const documents = Array.from({ length: 64 }, (_, n) => ({
        id: `n${at + n}`,
        body: { case: 'text' as const, value: text(at + n) },
        metadata: { tens: String((at + n) % 10) },
      }));
      await exact.call('ingest', tenant, { collection: 'c', documents });
    }
    const queries = ['violin meets pepper', 'Note 111', 'the harbor and the maple', 'window 5735'];
    const ids = async (retrieval: RetrievalRig, query: string, more = {}) =>
      (await retrieval.find(tenant, query, { pageSize: 10, ...more })).map(
        ({ document, vectorRank }) => `${document} ${vectorRank}`,
      );
    const filters = [{}, { metadata: { tens: '3' } }, { idPrefix: 'n1' }];
    const expected = [];
    for (const query of queries) for (const more of filters) expected.push(await ids(exact, query, more));
    await indexed.ingest(tenant, 'c', { n320: text(320) });
    const row = await database.within(tenant, 'look', (scope) => findCollection(scope, 'c'));
    expect(row?.indexed).toBe(true);
    // Once is enough.
    await ensureIndex(database, row!, 20, silentLogger);
    await indexed.call('delete', tenant, { collection: 'c', what: { case: 'documents', value: { ids: ['n320'] } } });
    const found = [];
    for (const query of queries) for (const more of filters) found.push(await ids(indexed, query, more));
    expect(found).toEqual(expected);
    await indexed.ingest(tenant, 'c', { fresh: 'A xylophone among the notes.' });
    expect((await indexed.find(tenant, 'xylophone'))[0]).toMatchObject({ document: 'fresh', vectorRank: 1 });
    await indexed.call('delete', tenant, { collection: 'c', what: { case: 'everything', value: true } });
    await expect(indexed.find(tenant, 'x', { collections: ['c'] })).rejects.toMatchObject({
      reason: 'COLLECTION_UNKNOWN',
    });
  });

  test('a document of 5 MB is taken, found, and left alone the second time', { timeout: 120_000 }, async () => {
    fresh();
    const retrieval = rig({ settings: { passageTokens: 400, exactVectors: 100_000, embeddedExactVectors: 100_000 } });
    const chapter = (n: number) =>
      `## Chapter ${n}\n\n${`The story of number ${n} goes on and on without an end. `.repeat(28)}\n\n`;
    let text = '# Book\n\n';
    for (let n = 0; text.length < 5 << 20; n++)
      text += n === 2000 ? '## The needle\n\nA pangolin lives here.\n\n' : chapter(n);
    const [first] = await retrieval.ingest(tenant, 'c', { 'book.md': text });
    expect(first!.state).toBe(ADDED);
    expect(first!.passages).toBeGreaterThan(3000);
    const [best] = await retrieval.find(tenant, 'where does the pangolin live?');
    expect(best!.text).toContain('pangolin');
    const line = text.slice(0, text.indexOf('A pangolin')).split('\n').length;
    expect(best!.startLine).toBeLessThanOrEqual(line);
    expect(best!.endLine).toBeGreaterThanOrEqual(line);
    const before = retrieval.embedded;
    expect(states(await retrieval.ingest(tenant, 'c', { 'book.md': text }))).toEqual([UNCHANGED]);
    expect(retrieval.embedded).toBe(before);
  });
}
