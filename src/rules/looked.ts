// What a search or list of this turn looked at, and what it passed over, so that a part is never taken for the whole.
import type { JsonValue } from '@bufbuild/protobuf';
import { UnseenReason } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import type { AnswerLanguage } from './language.ts';
import { isObject, type Step } from './transcript.ts';

export interface SeenFiles {
  readonly files: number;
  readonly total: number;
  readonly skipped: readonly Skip[];
  /** Whether something ended it before it had been everywhere: nothing can be said to be absent. */
  readonly early: boolean;
}

interface Skip {
  readonly why: UnseenReason;
  readonly count: number;
  readonly names: readonly string[];
}

/** Reasons that leave out what a search for words could not have found anyway. */
const HARMLESS: ReadonlySet<UnseenReason> = new Set([
  UnseenReason.NOT_TEXT,
  UnseenReason.UNTELLABLE_NAME,
  UnseenReason.HIDDEN,
]);
const MOST_NAMES = 3;

/** Of the last search, or else of the last list; undefined where there was none. */
export function lookedAt(steps: readonly Step[]): SeenFiles | undefined {
  const done = steps.filter(({ error }) => error === undefined);
  const step = done.findLast(({ tool }) => tool === 'fs_search') ?? done.findLast(({ tool }) => tool === 'fs_list');
  if (!step || !isObject(step.result)) return undefined;
  const { looked, withheld } = step.result;
  const budget = listOf(withheld).some((item) => item.why === 'BUDGET');
  if (!isObject(looked)) return budget ? { files: 0, total: 0, skipped: [], early: true } : undefined;
  const skipped = listOf(looked.skipped).map((item) => ({
    why: UnseenReason[String(item.why ?? '').replace('UNSEEN_REASON_', '') as keyof typeof UnseenReason] ?? 0,
    count: Number(item.count ?? 0),
    names: listOf(item.files).map(({ path }) => String(path ?? '')),
  }));
  const early = looked.more === true || skipped.some(({ why }) => !HARMLESS.has(why));
  return { files: Number(looked.files ?? 0), total: Number(looked.total ?? 0), skipped, early: early || budget };
}

const listOf = (json: JsonValue | undefined): { [key: string]: JsonValue }[] =>
  Array.isArray(json) ? json.filter(isObject) : [];

const WHY: Readonly<Record<UnseenReason, readonly [string, string]>> = {
  [UnseenReason.UNSPECIFIED]: ['for another reason', '其他原因'],
  [UnseenReason.TOO_LARGE]: ['too large', '太大'],
  [UnseenReason.TOO_DEEP]: ['too deep', '层级太深'],
  [UnseenReason.UNREADABLE]: ['cannot be read', '无法读取'],
  [UnseenReason.TIME]: ['the time was over', '时间已到'],
  [UnseenReason.BYTES]: ['the limit of bytes was met', '已达到字节上限'],
  [UnseenReason.UNTELLABLE_NAME]: ['names that cannot be shown', '名称无法显示'],
  [UnseenReason.NOT_TEXT]: ['no text', '不是文本'],
  [UnseenReason.HIDDEN]: ['hidden', '隐藏项'],
};

/** One line about it; empty where everything was looked at. */
export function lookedText(looked: SeenFiles | undefined, language: AnswerLanguage): string {
  if (!looked) return '';
  const { files, total, skipped, early } = looked;
  const zh = language === 'zh';
  if (total === 0) {
    if (!early) return '';
    return zh ? '搜索达到了限制，没有看完所有文件。' : 'The search met its limit before it had looked at every file.';
  }
  if (skipped.length === 0 && !early) return '';
  const each = skipped.map(({ why, count, names }) => {
    const reason = (WHY[why] ?? WHY[UnseenReason.UNSPECIFIED])[zh ? 1 : 0];
    const named = names.slice(0, MOST_NAMES).join(zh ? '、' : ', ');
    const left = count > MOST_NAMES ? '…' : '';
    return zh
      ? `${count} 个${reason}${named && `（${named}${left}）`}`
      : `${count} ${reason}${named && ` (${named}${left})`}`;
  });
  if (files === 0) return zh ? `没有查看：${each.join('；')}。` : `Not looked at: ${each.join('; ')}.`;
  return zh
    ? `看了 ${total} 个文件中的 ${files} 个${each.length > 0 ? `；跳过：${each.join('；')}` : ''}。`
    : `Looked at ${files} of ${total} files${each.length > 0 ? `; skipped: ${each.join('; ')}` : ''}.`;
}

/** Whether it is worth a line beside what was found. */
export const isPartial = (looked: SeenFiles | undefined): boolean => looked?.early === true;
