import { beforeAll, expect, test } from 'vitest';
import { Effect } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { pluginContract } from '../../../test/support/plugin-contract.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { MethodRegistry } from '../../contract/registry.ts';
import { Plugins, verifyContract } from './plugins.ts';

const words = (more = '') =>
  pluginContract(
    'example.words.v1',
    `message Text { string text = 1; ${more} }
     service WordsService { rpc Count(Text) returns (Text); rpc Spell(Text) returns (stream Text); }`,
  );

const BAD_RULE = 'option (buf.validate.message).cel = { id: "a" message: "no" expression: "this.a <" };';

onBothDatabases('plugins', (under) => {
  function plugins() {
    const methods = new MethodRegistry(edgeCapabilities);
    const parts = { db: under.db, methods, clock: systemClock, log: silentLogger, everyMs: 60_000 };
    return { methods, plugins: new Plugins(parts) };
  }

  beforeAll(async () => {
    for (const id of ['default', 'other']) {
      await under.db
        .insertInto('tenant')
        .values({ id, name: id })
        .onConflict((c) => c.doNothing())
        .execute();
    }
  });

  const add = { tenant: 'default', effect: Effect.NETWORK, idempotent: false, trusted: false };

  test('what the owner says of a plugin counts, and its methods come and go with it, on other replicas too', async () => {
    const [here, there] = [plugins(), plugins()];
    const added = await here.plugins.add(
      { ...add, descriptorSet: words(), effect: Effect.READ, idempotent: true },
      'me',
    );
    expect(added.methods.map(({ fullName, effect, idempotent }) => [fullName, effect, idempotent])).toEqual([
      ['example.words.v1.WordsService/Count', Effect.READ, true],
      ['example.words.v1.WordsService/Spell', Effect.READ, true],
    ]);
    expect(there.methods.byFullName('example.words.v1.WordsService/Count')).toBeUndefined();
    await there.plugins.look('/example.words.v1.WordsService/Count');
    expect(there.methods.byFullName('example.words.v1.WordsService/Count')?.plugin).toMatchObject({
      tenant: 'default',
    });
    expect(there.methods.allFor('other').some(({ plugin }) => plugin)).toBe(false);
    expect(await here.plugins.remove('other', 'example.words.v1', 'me')).toBe(false);
    expect(await here.plugins.remove('default', 'example.words.v1', 'me')).toBe(true);
    await there.plugins.refresh();
    expect(there.methods.all.some(({ plugin }) => plugin)).toBe(false);
  });

  test('a worker serves it only for its owner and only by the very contract that was added', async () => {
    const { plugins: own } = plugins();
    const first = await own.add({ ...add, descriptorSet: words() }, 'me');
    const claim = { package: 'example.words.v1', descriptorSha256: first.digest };
    await verifyContract(own, ['default'], claim);
    await verifyContract(own, ['*'], claim);
    await expect(verifyContract(own, ['other'], claim)).rejects.toMatchObject({ reason: 'WORKER_CLAIM_REFUSED' });
    await own.add({ ...add, descriptorSet: words('string more = 2;') }, 'me');
    await expect(verifyContract(own, ['default'], claim)).rejects.toThrow('another one than its owner added');
    const unknown = { package: 'example.other.v1', descriptorSha256: new Uint8Array() };
    await expect(verifyContract(own, ['default'], unknown)).rejects.toThrow('there is no such plugin');
    await verifyContract(own, ['default'], {
      package: 'bowline.capability.llm.v1',
      descriptorSha256: new Uint8Array(),
    });
  });

  test('a package that another tenant has is taken, and what cannot be a plugin says why', async () => {
    const { plugins: own } = plugins();
    await own.add({ ...add, descriptorSet: words() }, 'me');
    const foreign = own.add({ ...add, tenant: 'other', descriptorSet: words() }, 'me');
    await expect(foreign).rejects.toMatchObject({ reason: 'PLUGIN_TAKEN' });
    expect(own.ofTenant('other')).toEqual([]);
    const service = (name: string) => `service ${name} { rpc Do(M) returns (M); }`;
    const cases: [Uint8Array, string][] = [
      [new Uint8Array([1, 2, 3]), 'imports included'],
      [pluginContract('example.a.v1', 'message M {}'), 'holds no service'],
      [pluginContract('bowline.mine.v1', `message M {} ${service('S')}`), 'holds no service outside of bowline'],
      [pluginContract('example.a.v1', `message M {} ${service('S')} ${service('T')}`), 'several services'],
      [pluginContract('words', `message M {} ${service('S')}`), 'no name like example.words.v1'],
      [pluginContract('example.a.v1', 'message M {} service S { rpc Do(stream M) returns (M); }'), 'takes one request'],
      [pluginContract('example.a.v1', `message M { ${BAD_RULE} } ${service('S')}`), 'the rule "a" of example.a.v1.M'],
    ];
    for (const [descriptorSet, why] of cases) {
      const refused = own.add({ ...add, descriptorSet }, 'me');
      await expect(refused).rejects.toMatchObject({ reason: 'PLUGIN_INVALID', message: expect.stringContaining(why) });
    }
  });
});
