import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { type RequestRef, Requests } from './requests.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

onBothDatabases('requests', (under) => {
  const refOf = (changes: Partial<RequestRef> = {}): RequestRef => ({
    tenant: newId(),
    principal: 'owner:a',
    method: 'Make',
    id: 'r1',
    body: bytes('body'),
    ...changes,
  });
  /** A change that is made once too often leaves a second row. */
  const make = (ref: RequestRef, name = 'made') =>
    new Requests(under.db)
      .once(ref, async (trx) => {
        await trx
          .insertInto('tenant')
          .values({ id: newId(), name: `${ref.tenant} ${name}` })
          .execute();
        return bytes(name);
      })
      .then(text);
  const made = async (ref: RequestRef) => {
    const query = sql<{ n: string }>`select count(*) as n from tenant where name like ${`${ref.tenant}%`}`;
    return Number((await query.execute(under.db)).rows[0]!.n);
  };

  test('a repeat changes nothing and is answered as the first was; so are two at the same time', async () => {
    const ref = refOf();
    expect(await new Requests(under.db).answered(ref)).toBeUndefined();
    const both = await Promise.all([make(ref), make(ref, 'second')]);
    expect(both[1]).toEqual(both[0]);
    expect(await make(ref, 'third')).toEqual(both[0]);
    expect(text((await new Requests(under.db).answered(ref))!)).toBe(both[0]);
    expect(await made(ref)).toBe(1);
  });

  test('another tenant, caller or method is another request; without an id each is', async () => {
    const ref = refOf();
    const others = [
      {},
      { tenant: `${ref.tenant}x` },
      { principal: 'owner:b' },
      { method: 'Other' },
      { id: '' },
      { id: '' },
    ];
    for (const [n, change] of others.entries()) expect(await make({ ...ref, ...change }, `${n}`)).toBe(`${n}`);
    expect(await made(ref)).toBe(6);
  });

  test('the same id with another body is refused, and what fails is not remembered', async () => {
    const ref = refOf();
    const failing = new Requests(under.db).once(ref, async (trx) => {
      await trx.insertInto('tenant').values({ id: newId(), name: ref.tenant }).execute();
      throw new AppError('NOT_FOUND', { kind: 'thing' });
    });
    await expect(failing).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect(await made(ref)).toBe(0);
    await make(ref);
    const reused = { ...ref, body: bytes('other') };
    await expect(make(reused)).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    await expect(new Requests(under.db).answered(reused)).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    expect(await made(ref)).toBe(1);
  });
});
