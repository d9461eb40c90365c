// Where a path of a request leads: below the allowed folders, or to what was piped into the ask of the run.
import type { BigIntStats } from 'node:fs';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';
import type { ToolParts } from '../tool.ts';

type Places = Pick<ToolParts, 'allow' | 'piped'>;

/** Lexical. @throws PATH_NOT_ALLOWED */
export const judgePlace = ({ allow, piped }: Places, path: string, run: string): JudgedPath =>
  piped.named(run, path) ?? allow.judgeRead(path);

/** Errors: see Allowlist.openFile. */
export const openJudged = ({ allow, piped }: Places, judged: JudgedPath): Promise<OpenFile> =>
  piped.holds(judged) ? piped.open(judged) : allow.openFile(judged);

/** What is there, looked at and closed again; undefined when nothing is. Errors: see Allowlist.resolve. */
export async function lookAt(
  { allow, piped }: Places,
  judged: JudgedPath,
): Promise<{ readonly realPath: string; readonly stat: BigIntStats; readonly judged: JudgedPath } | undefined> {
  if (!piped.holds(judged)) return allow.resolve(judged);
  const file = await piped.open(judged);
  await file.handle.close();
  return file;
}
