// A change in its two steps. Both open what it is about and work out the effect anew: what the owner is shown, and what is compared with it,
// kept and done, is the same function of what is open.
import type { BigIntStats } from 'node:fs';
import { create, type Message } from '@bufbuild/protobuf';
import {
  type Effect as ApprovalEffect,
  type FileEffect,
  FileEffectSchema,
} from '../../../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import type { AllowedWrite } from '../../../allowlist/allowlist.ts';
import type { Confirm } from '../../../config/config-schema.ts';
import type { KeptContent } from '../../kept-content.ts';
import type { PreparedCall, ToolCallContext, ToolParts } from '../../tool.ts';
import { changeFailure } from './change-failure.ts';
import { asEffect, requireShown } from './file-effect.ts';
import type { TextDiff } from './text-diff.ts';

/** What is open for a change, until `close`. */
export interface OpenChange {
  /** Without its diff. */
  readonly effect: FileEffect;
  readonly diff?: () => Promise<TextDiff>;
  /** What is replaced and has to be kept. */
  readonly content?: KeptContent | undefined;
  /** Does it, and answers. @param ready to be awaited at the last moment at which nothing has changed; told what will be there */
  readonly act: (ready: (after?: BigIntStats) => Promise<void>) => Promise<Message>;
  close(): Promise<void>;
}

/**
 * @param judged the places that it changes
 * @param open for the work told what was shown: under a yes for exactly that, what is replaced may be read
 */
export function changeOf(
  { changes, secrets }: Pick<ToolParts, 'changes' | 'secrets'>,
  { key, run, job }: ToolCallContext,
  judged: readonly AllowedWrite[],
  open: (purpose: 'show' | 'work', shown?: ApprovalEffect) => Promise<OpenChange>,
): PreparedCall {
  const work: PreparedCall['work'] = async (emit, shown) => {
    const paths = judged.map(({ path }) => path);
    const response = await changes.inLine(paths, async () => {
      const opened = await open('work', shown).catch((error: unknown) => {
        throw whenShown(error, shown !== undefined);
      });
      try {
        const { effect, content, act } = opened;
        mustBeTellable(effect, secrets);
        requireShown(effect, shown);
        return await act(async (after) => {
          await changes.keep({ key, run, job }, withInode(effect, after), content);
        });
      } catch (error) {
        throw whenShown(changeFailure(error), shown !== undefined);
      } finally {
        await opened.close();
      }
    });
    await emit(response);
  };
  const show = async () => {
    const opened = await open('show');
    try {
      mustBeTellable(opened.effect, secrets);
      const { diff, linesCut } = (await opened.diff?.()) ?? { diff: '', linesCut: 0 };
      const told = secrets.masker?.text(diff) ?? diff;
      return asEffect(create(FileEffectSchema, { ...opened.effect, diff: told, diffLinesCut: BigInt(linesCut) }));
    } finally {
      await opened.close();
    }
  };
  const names = [...new Set(judged.map(({ entryName }) => entryName))];
  return { work, change: { entry: names.join(' and '), confirm: strictest(judged), show } };
}

/** What is shown and journaled has names as they are. @throws INVALID_ARGUMENT */
function mustBeTellable({ realPath, toRealPath }: FileEffect, { masker }: ToolParts['secrets']): void {
  if ([realPath, toRealPath].some((path) => (masker?.text(path) ?? path) !== path))
    throw new AppError('INVALID_ARGUMENT', { what: 'the name of a file holds the value of a secret' });
}

const STRICT: readonly Confirm[] = ['never', 'first', 'always'];
const strictest = (judged: readonly AllowedWrite[]): Confirm =>
  STRICT[Math.max(...judged.map(({ entry }) => STRICT.indexOf(entry.confirm)))] ?? 'always';

/** What came into the place of what was shown. */
const MEANWHILE: ReadonlySet<string> = new Set([
  'FILE_CHANGED',
  'FILE_EXISTS',
  'PLACE_TAKEN',
  'FOLDER_NOT_EMPTY',
  'FILE_NOT_FOUND',
]);

/** Where the owner has seen it, what is otherwise found now was not so then. */
const whenShown = (error: unknown, shown: boolean): unknown =>
  shown && error instanceof AppError && MEANWHILE.has(error.reason)
    ? new AppError('APPROVAL_CHANGED', {}, { cause: error })
    : error;

const withInode = (effect: FileEffect, stat: BigIntStats | undefined): FileEffect =>
  stat && effect.after
    ? create(FileEffectSchema, { ...effect, after: { ...effect.after, device: stat.dev, inode: stat.ino } })
    : effect;
