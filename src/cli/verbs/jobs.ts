// The verb `jobs`: those that are dead, with all their attempts, and what a person does about them.
import { durationMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import {
  type DeadJob,
  DeadJobSchema,
  DeadKind,
  DeadKindSchema,
  GetJobResponseSchema,
  type JobAttempt,
  JobService,
  RetryEffect,
  RetryEffectSchema,
} from '../../../gen/bowline/control/v1/job_service_pb.ts';
import { calledAs } from '../../base/called-as.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { controlSide, type GlobalOptions, type Side, using } from '../client.ts';
import { timeColumn } from '../columns.ts';
import { done } from '../done.ts';
import { runId } from '../find-id.ts';
import type { CliIo } from '../io.ts';
import { jobLine, shortMethod } from '../job-text.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { elapsedText, timeText } from '../units.ts';
import { listed } from '../watched-list.ts';

type ActionOptions = GlobalOptions & { json?: boolean };

interface Choice {
  readonly method?: string;
  readonly kind?: keyof typeof KINDS;
}

interface RetryOptions extends ActionOptions, Choice {
  readonly all?: boolean;
}

const KINDS = {
  failed: DeadKind.FAILED,
  holders: DeadKind.ENDS_ITS_HOLDERS,
  unknown: DeadKind.UNKNOWN,
  unreadable: DeadKind.UNREADABLE,
} as const;

/** Jobs that `retry --all` takes at most. */
const MOST_AT_ONCE = 10_000;
const EXAMPLE = '0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11/1/0';

export function jobsVerb(io: CliIo): Command {
  const jobs = new Command('jobs').description('List, show, retry and drop jobs that nothing goes on with by itself');
  const method = () => new Option('--method <text>', 'only those whose method holds this text, such as llm or fs.v1');
  jobs.addCommand(
    lsCommand(
      'List dead jobs, newest first: they failed as often as they may, ended whoever ran them, or cannot be told',
    )
      .name('dead')
      .addOption(method())
      .addOption(new Option('--kind <kind>', 'only of this kind').choices(Object.keys(KINDS)))
      .addHelpText(
        'after',
        '\nKinds:\n  failed      failed as often as a job may\n  holders     whoever ran it ended or was lost each time; the job may be the reason\n  unknown     whether it happened cannot be told\n  unreadable  the history of its run cannot be read\n\nExamples:\n  $ bowline jobs dead\n  $ bowline jobs dead --kind holders --json',
      )
      .action(listed(io, list)),
  );
  jobs.addCommand(
    new Command('show')
      .description('Show a job with all its attempts, and what a retry would do')
      .argument('<job>', 'job id, as `jobs dead` lists it')
      .option('--json', 'print one JSON object')
      .addHelpText('after', `\nExamples:\n  $ bowline jobs show ${EXAMPLE}`)
      .action((id: string, _o, command: Command) => show(io, id, command.optsWithGlobals())),
  );
  jobs.addCommand(
    new Command('retry')
      .description('Try a job again, if that can do nothing twice')
      .argument('[job]', 'job id, as `jobs dead` lists it')
      .addOption(new Option('--all', 'all dead jobs, or those that --method names'))
      .addOption(method())
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `\nA job that waits for its next attempt gets it at once. Where its run has ended, what that asked or called begins once more as a new run; a job that may have changed something is not tried again.\n\nExamples:\n  $ bowline jobs retry ${EXAMPLE}\n  $ bowline jobs retry --all --method llm`,
      )
      .action((id: string | undefined, _o, command: Command) => retry(io, id, command.optsWithGlobals())),
  );
  jobs.addCommand(
    new Command('drop')
      .description('Take a dead job off the list, for good')
      .argument('<job>', 'job id, as `jobs dead` lists it')
      .option('--reason <text>', 'why, for the audit trail', '')
      .option('--json', 'print one JSON object')
      .addHelpText('after', `\nExamples:\n  $ bowline jobs drop ${EXAMPLE} --reason "asked again by hand"`)
      .action((id: string, _o, command: Command) => drop(io, id, command.optsWithGlobals())),
  );
  return jobs;
}

async function list(io: CliIo, options: GlobalOptions & ListOptions & Choice): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const jobs = await using(controlSide(io, options), (control) => listDead(control, options.limit, options, io));
  if (options.json) return out.json(jobs.map((each) => plain(DeadJobSchema, each)));
  const columns: Column<DeadJob>[] = [
    { heading: 'job', text: ({ id }) => id, least: 12 },
    { heading: 'kind', text: kindText },
    timeColumn('since', ({ endTime }) => endTime),
    { heading: 'method', text: ({ method }) => shortMethod(method) },
    { heading: 'tries', text: ({ attempts }) => String(attempts || ''), isNumber: true, leaves: 2 },
    { heading: 'target', text: ({ target }) => target, least: 8, leaves: 1 },
    { heading: 'reason', text: ({ reason }) => reason, least: 12 },
  ];
  out.table(columns, jobs, { none: 'no dead jobs', wide: options.wide });
}

const kindText = ({ kind }: DeadJob): string =>
  kind === DeadKind.ENDS_ITS_HOLDERS ? 'holders' : enumText(DeadKindSchema, kind);

const listDead = (control: Side, limit: number, { method = '', kind }: Choice, io?: CliIo): Promise<DeadJob[]> =>
  pages(
    limit,
    async (pageSize, pageToken) => {
      const only = { method, kind: kind ? KINDS[kind] : DeadKind.UNSPECIFIED };
      const { jobs, nextPageToken } = await control.client(JobService).listDeadJobs({ pageSize, pageToken, ...only });
      return { items: jobs, nextPageToken };
    },
    io,
  );

/** A part of the run's id stands for it, also before the step and the index of a job. */
async function jobId(control: Side, typed: string): Promise<string> {
  const [run = '', ...rest] = typed.split('/');
  return [await runId(control, run), ...rest].join('/');
}

async function show(io: CliIo, typed: string, options: ActionOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const found = await using(controlSide(io, options), async (control) =>
    control.client(JobService).getJob({ id: await jobId(control, typed) }),
  );
  if (options.json) return out.json(plain(GetJobResponseSchema, found));
  const { job, attempts, retry, whyNot } = found;
  if (!job) throw new AppError('NOT_FOUND', { kind: 'job' });
  out.line(`job ${job.id}`);
  out.line(jobLine(job));
  attempts.forEach((attempt, at) => {
    out.line(`  attempt ${at + 1}: ${attemptText(attempt)}`);
    if (attempt.failure) out.line(`    ${attempt.failure.reason}: ${attempt.failure.message}`);
  });
  out.line(
    whyNot
      ? `a retry does nothing: ${whyNot}`
      : `a retry ${RETRY_TEXT[retry] ?? 'tries it again'}: ${calledAs(io.env)} jobs retry ${job.id}`,
  );
}

const RETRY_TEXT: Readonly<Partial<Record<number, string>>> = {
  [RetryEffect.NOW]: 'begins its next attempt at once',
  [RetryEffect.NEW_RUN]: 'begins a new run that asks or calls the same',
  [RetryEffect.READ_AGAIN]: 'reads the run again',
};

function attemptText({ beginTime, endTime, target, lost, delay }: JobAttempt): string {
  const took = beginTime && endTime ? `, ${elapsedText(timestampMs(endTime) - timestampMs(beginTime))}` : '';
  const on = target ? ` on ${target}` : '';
  const then = delay ? `; the next one ${elapsedText(durationMs(delay))} later` : '';
  return `${timeText(beginTime)}${on}${took}${lost ? `, lost: ${lost}` : ''}${then}`;
}

async function retry(io: CliIo, typed: string | undefined, options: RetryOptions): Promise<void> {
  if ((typed === undefined) !== (options.all === true))
    throw new AppError('USAGE', { what: 'name a job, or all of them with --all' });
  await using(controlSide(io, options), async (control) => {
    if (typed !== undefined) {
      const id = await jobId(control, typed);
      const { done: did, run } = await control.client(JobService).retryJob({ id, requestId: newId() });
      return done(io, options, `${RETRY_DONE[did] ?? 'tried again'}: ${run}`, {
        id,
        run,
        done: enumText(RetryEffectSchema, did),
      });
    }
    const jobs = await listDead(control, MOST_AT_ONCE, options);
    const refused: { id: string; why: string }[] = [];
    for (const { id } of jobs) {
      try {
        await control.client(JobService).retryJob({ id, requestId: newId() });
      } catch (error) {
        if (!(error instanceof AppError && REFUSALS.has(error.reason))) throw error;
        refused.push({ id, why: error.message });
      }
    }
    for (const { why } of refused) if (!options.json) new Printer(io.stderr, io.env).line(why);
    const retried = jobs.length - refused.length;
    done(io, options, `${retried} of ${jobs.length} are tried again`, { retried, refused });
  });
}

/** What is said of one job, while the others may be tried. */
const REFUSALS: ReadonlySet<string> = new Set(['JOB_NOT_RETRIED', 'RUN_SET_ASIDE', 'RUN_NOT_SET_ASIDE', 'NOT_FOUND']);

const RETRY_DONE: Readonly<Partial<Record<number, string>>> = {
  [RetryEffect.NOW]: 'its next attempt begins, in the run',
  [RetryEffect.NEW_RUN]: 'begun once more, as the run',
  [RetryEffect.READ_AGAIN]: 'it goes on',
};

async function drop(io: CliIo, typed: string, options: ActionOptions & { reason: string }): Promise<void> {
  const id = await using(controlSide(io, options), async (control) => {
    const id = await jobId(control, typed);
    await control.client(JobService).dropJob({ id, reason: options.reason, requestId: newId() });
    return id;
  });
  done(io, options, `${id} is dropped`, { dropped: id });
}
