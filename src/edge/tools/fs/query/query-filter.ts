// Which files a Query means: those that fit by name are `meant`; size and time are looked at besides. Pure.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { QueryRequest } from '../../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { foldText } from '../../../../base/fold-text.ts';
import type { JudgedPath } from '../../../allowlist/judge-path.ts';
import { placeGlob } from '../../../files/place-glob.ts';
import type { WalkEntry } from '../../../files/walk.ts';
import { type ClassWord, classesOf, classWord } from './file-class.ts';
import { ANY_TIME, beginOf, overlapOf, spanOf } from './time-span.ts';

const DAY_MS = 86_400_000;

export interface QueryFilter {
  /** Whether folders are meant instead of files. */
  readonly folders: boolean;
  /** By its name. */
  meant(entry: WalkEntry): boolean;
  /** By its size and time. */
  fits(entry: WalkEntry): boolean;
}

export function queryFilter(request: QueryRequest, now: number): QueryFilter {
  const classes = new Set(request.classes.map(classWord).filter((word): word is ClassWord => word !== undefined));
  const folders = classes.size === 1 && classes.has('FOLDER');
  const glob = placeGlob(request.glob);
  const name = foldText(request.name);
  const leftOut = leavesOut(request);
  const { from, to } = overlapOf(
    spanOf(request.span, now),
    request.lastDays > 0 ? { from: now - request.lastDays * DAY_MS, to: Number.POSITIVE_INFINITY } : ANY_TIME,
    {
      from: request.fromTime ? timestampMs(request.fromTime) : ANY_TIME.from,
      to: request.beforeTime ? timestampMs(request.beforeTime) : ANY_TIME.to,
    },
    { from: beginOf(request.fromDay) ?? ANY_TIME.from, to: beginOf(request.beforeDay) ?? ANY_TIME.to },
  );
  const { minBytes, maxBytes } = request;
  return {
    folders,
    meant({ judged, stat }) {
      if (folders ? !stat.isDirectory() : !stat.isFile()) return false;
      const path = judged.relative || judged.name;
      if (!glob(judged) || leftOut(judged)) return false;
      const own = path.slice(path.lastIndexOf('/') + 1);
      if (name !== '' && !foldText(own).includes(name)) return false;
      return folders || classes.size === 0 || classesOf(own).some((word) => classes.has(word));
    },
    fits({ stat }) {
      if (stat.size < minBytes || (maxBytes > 0n && stat.size > maxBytes)) return false;
      const changed = Number(stat.mtimeMs);
      return changed >= from && changed < to;
    },
  };
}

/** Whether a file is left out by its name. */
function leavesOut({ exceptClasses, exceptGlobs }: QueryRequest): (judged: JudgedPath) => boolean {
  const classes = new Set(exceptClasses.map(classWord));
  const globs = exceptGlobs.map(placeGlob);
  return (judged) =>
    globs.some((glob) => glob(judged)) || classesOf(judged.relative || judged.name).some((word) => classes.has(word));
}
