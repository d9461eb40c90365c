import { expect, test } from 'vitest';
import { FsService } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';

const { list, read } = FsService.method;

test('what is hidden opens the folders on its way, and no other file in them', async () => {
  const files = {
    'docs/.cfg/private.md': 'secret',
    'docs/.cfg/deep/notes.md': 'secret',
    'docs/.cfg/deep/.keep': 'kept',
  };
  const rig = await edgeRig(edgeFolder(files), { config: "allow: {hidden: ['.cfg/**/.keep']}\n" });
  const { messages } = await rig.call(list, { recursive: true });
  expect(messages[0]!.files.map(({ path }) => path)).toEqual([
    'docs',
    'docs/.cfg',
    'docs/.cfg/deep',
    'docs/.cfg/deep/.keep',
  ]);
  for (const path of ['docs/.cfg/private.md', 'docs/.cfg/deep/notes.md'])
    expect((await rig.call(read, { path })).failure, path).toBe('PATH_NOT_ALLOWED');
  expect((await rig.call(read, { path: 'docs/.cfg/deep/.keep' })).failure).not.toBe('PATH_NOT_ALLOWED');
  await rig.close();
});
