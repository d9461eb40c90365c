// What approvals for sharing are called in the place of an entry of config.yaml: no entry begins with this word.
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { type ShareEffect, ShareEffectSchema, type ShareFile } from '../../../gen/bowline/approval/v1/approval_pb.ts';

const BEGIN = 'share ';

/**
 * One name for exactly what a yes for the run lets out, and to whom: such a yes stands for what waits under the same name, and for nothing
 * that goes to somebody else or that it does not let out itself.
 */
export const shareEntry = ({ files, recipient }: ShareEffect): string => {
  const forRun: Pick<ShareEffect, '$typeName' | 'files' | 'recipient' | 'recipientIsLocal'> = {
    $typeName: 'bowline.approval.v1.ShareEffect',
    files: files.map(inRun),
    recipient,
    recipientIsLocal: false,
  };
  const digest = createHash('sha256').update(toBinary(ShareEffectSchema, forRun)).digest('hex');
  return `${BEGIN}${files.map(({ path }) => path).join(' ')} ${digest.slice(0, 32)}`;
};

/** Of a file that is let out whole it does not matter which lines were asked for. */
const inRun = (file: ShareFile): ShareFile => ({
  ...file,
  ...(file.runIsWhole && { startLine: 0, endLine: 0, isCut: false }),
  bytes: 0n,
  runBytes: 0n,
  masked: 0,
});

/** Whether it asks for content, and not for a change. */
export const isShareEntry = (entry: string): boolean => entry.startsWith(BEGIN);
