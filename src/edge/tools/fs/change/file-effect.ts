// What a change of a file comes to, as the owner is shown it and as it is compared again before it is done.
import type { BigIntStats } from 'node:fs';
import { create, equals } from '@bufbuild/protobuf';
import {
  type Effect as ApprovalEffect,
  EffectSchema as ApprovalEffectSchema,
  type FileEffect,
  FileEffectSchema,
  type FileState,
  FileStateSchema,
} from '../../../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../../../base/errors.ts';

export const asEffect = (value: FileEffect): ApprovalEffect =>
  create(ApprovalEffectSchema, { effect: { case: 'file', value } });

/** A file, or a folder or a link without `sha256`. */
export const stateOf = (stat: BigIntStats, sha256?: Uint8Array): FileState =>
  create(FileStateSchema, {
    device: stat.dev,
    inode: stat.ino,
    bytes: sha256 ? stat.size : 0n,
    mode: permissionsOf(stat),
    folder: stat.isDirectory(),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    ...(sha256 ? { sha256 } : {}),
    otherNames: otherNamesOf(stat),
  });

/** Hard links to a file beside the name that was looked at. */
export const otherNamesOf = (stat: BigIntStats): number =>
  stat.isFile() && stat.nlink > 1n ? Number(stat.nlink - 1n) : 0;

export const permissionsOf = ({ mode }: BigIntStats): number => Number(mode & 0o7777n);

/** @throws APPROVAL_CHANGED where what would happen now is not what the owner was shown. The diff says the same in other words. */
export function requireShown(now: FileEffect, shown: ApprovalEffect | undefined): void {
  if (!shown) return;
  const { effect } = shown;
  if (effect.case !== 'file' || !equals(FileEffectSchema, withoutDiff(effect.value), withoutDiff(now)))
    throw new AppError('APPROVAL_CHANGED');
}

export const withoutDiff = (effect: FileEffect): FileEffect =>
  create(FileEffectSchema, { ...effect, diff: '', diffLinesCut: 0n });
