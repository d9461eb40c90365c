// A job in words: as one line, and as what is being done now. Pure.
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Job, JobState, JobStateSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { enumText } from './plain.ts';
import { elapsedText } from './units.ts';

/** `fs.Read on device kitchen-pi: done, 12 ms`. */
export function jobLine(job: Job): string {
  const on = `${job.target ? ` on ${job.target}` : ''}${job.tier ? `, tier ${job.tier}` : ''}`;
  const took = job.elapsed && isOver(job.state) ? `, ${elapsedText(durationMs(job.elapsed))}` : '';
  const tries = job.attempts > 1 ? `, attempt ${job.attempts}` : '';
  const why = job.failure ? ` (${job.failure.reason})` : '';
  const far = isOver(job.state) ? '' : progressText(job);
  return `  ${shortMethod(job.method)}${on}: ${enumText(JobStateSchema, job.state)}${far}${took}${tries}${why}`;
}

/** `, 12 of 40, embedding`. */
function progressText({ progress }: Job): string {
  if (!progress) return '';
  const { done, total, note } = progress;
  const count = total > 0n ? `, ${done} of ${total}` : done > 0n ? `, ${done}` : '';
  return `${count}${note ? `, ${note}` : ''}`;
}

/** `bowline.capability.fs.v1.FsService/Read` as `fs.Read`. */
export function shortMethod(method: string): string {
  const match = /^bowline\.capability\.(\w+)\.v\d+\.\w+\/(\w+)$/.exec(method);
  return match ? `${match[1]}.${match[2]}` : method;
}

export const isOver = (state: JobState): boolean => state >= JobState.DONE;

const DOING: Readonly<Record<string, string>> = {
  'fs.Search': 'searching files',
  'fs.Query': 'looking at files',
  'fs.List': 'listing files',
  'fs.Read': 'reading',
  'fs.Stat': 'looking at files',
  'fs.Write': 'writing a file',
  'shell.Run': 'running a command',
  'lan.Get': 'asking a server of the network',
  'lan.Send': 'sending a request in the network',
  'sandbox.Run': 'running a program',
  'retrieval.Search': 'looking into documents',
  'embed.Embed': 'looking into documents',
  'llm.Chat': 'thinking',
};

/** What a job that runs does, in words: `searching files on kitchen-pi`. */
export function doingText(job: Job): string {
  const method = shortMethod(job.method);
  const what = DOING[method] ?? (method.startsWith('web.') ? 'reading the web' : method);
  const device = /^device (.+)$/.exec(job.target)?.[1];
  return `${what}${device ? ` on ${device}` : ''}${progressText(job)}`;
}
