// The verb `docs`: documents that asks are answered from. They are kept by the control plane's retrieval worker; what
// leaves this box for them is granted and written down by the edge first.
import { Command, Option } from 'commander';
import {
  type Collection,
  CollectionSchema,
  type IngestedDocument,
  IngestedDocumentSchema,
  IngestState,
  IngestStateSchema,
  type Passage,
  PassageSchema,
  RetrievalService,
  SkippedCollectionSchema,
  type StoredDocument,
  StoredDocumentSchema,
} from '../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { GrantSchema, LeftOutSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { EXIT } from '../../base/status-codes.ts';
import { controlSide, type GlobalOptions, localSide, using } from '../client.ts';
import { timeColumn } from '../columns.ts';
import { type AddedDocuments, addDocuments } from '../docs-add.ts';
import { reEmbedCollections } from '../docs-re-embed.ts';
import { removeDocuments } from '../docs-remove.ts';
import { excludeOption, gitignoreOption } from '../ignore-options.ts';
import type { CliIo } from '../io.ts';
import { leavesPart, leftOutLines } from '../left-out-text.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { namingMissing } from '../missing-path.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import { ProgressBar } from '../progress-bar.ts';
import { parseShare } from '../shares.ts';
import type { Column } from '../table.ts';
import { bytesText, countText, parseCount } from '../units.ts';
import { listed } from '../watched-list.ts';

/** Where documents go when nothing else is said. */
const DEFAULT_COLLECTION = 'docs';

interface AddOptions extends GlobalOptions {
  to: string;
  recipient: string[];
  sync?: boolean;
  exclude: string[];
  gitignore?: boolean;
  verbose?: boolean;
  json?: boolean;
}

interface SearchOptions extends GlobalOptions {
  in: string[];
  limit: number;
  json?: boolean;
}

const gathered = (value: string, all: string[]) => [...all, value];

export function docsVerb(io: CliIo): Command {
  const docs = new Command('docs').description(
    'Documents that asks are answered from: add, list, search, re-embed, remove',
  );
  docs.addCommand(
    new Command('add')
      .description('Add files and folders to a collection; their content leaves this box, which is written down first')
      .argument('<path...>', 'files, folders or quoted globs below the allowed folders')
      .option('--to <collection>', 'collection that they go into', DEFAULT_COLLECTION)
      .addOption(
        new Option(
          '--recipient <provider>',
          'who may see what they say: a provider, `local` or `any` (repeatable); by default the model that answers now and yours',
        )
          .argParser(gathered)
          .default([], 'the model that answers now, local'),
      )
      .option(
        '--sync',
        'remove documents whose files are gone from these folders; without this flag they are only named',
      )
      .addOption(excludeOption())
      .addOption(gitignoreOption())
      .option('--verbose', 'name each file that was left out')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
What is unchanged is not sent through a model again; a file that changed replaces what was there. From then on \`ask\` looks
into the collection (\`--no-docs\` does not). What cannot be read is named, the rest is added, and the exit code is 8 (0 where it is only images and the like in a folder). What a
.bowlineignore file names, as in .gitignore, is never added.

Examples:
  $ bowline docs add docs/
  $ bowline docs add docs/ --sync
  $ bowline docs add ~/notes --exclude '*.log' --exclude drafts/ --gitignore
  $ bowline docs add 'notes/**/*.md' --to notes --recipient local`,
      )
      .action((paths: string[], _o, command: Command) => add(io, paths, command.optsWithGlobals())),
  );
  docs.addCommand(
    lsCommand('List the collections, or the documents of one', 100)
      .argument('[collection]', 'its documents')
      .addHelpText('after', '\nExamples:\n  $ bowline docs ls\n  $ bowline docs ls docs --json')
      .action((name: string | undefined, options, command: Command) =>
        listed<GlobalOptions & ListOptions>(io, (to, chosen) => list(to, name, chosen))(options, command),
      ),
  );
  docs.addCommand(
    new Command('search')
      .description('Find passages, best first, with the lines where they stand')
      .argument('<words...>', 'what to search for, as a sentence or as words')
      .addOption(
        new Option('--in <collection>', 'only in this one (repeatable)').argParser(gathered).default([], 'all'),
      )
      .addOption(new Option('-n, --limit <count>', 'most passages').argParser(parseCount(50)).default(5))
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        "\nExamples:\n  $ bowline docs search 'how are backups restored'\n  $ bowline docs search 备份 --in notes",
      )
      .action((words: string[], _o, command: Command) => search(io, words.join(' '), command.optsWithGlobals())),
  );
  docs.addCommand(
    new Command('re-embed')
      .description('Make the vectors of collections again with the current embedding model; searches go on meanwhile')
      .argument('[collection...]', 'only these; default: all')
      .option('--model <name>', 'embedding model as `bowline models ls` names it, instead of the default')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
Nothing is read again: the passages that are kept are enough. When it is ended early, the same command goes on where it was.

Examples:
  $ bowline docs re-embed
  $ bowline docs re-embed notes --model bge`,
      )
      .action((names: string[], _o, command: Command) => reEmbed(io, names, command.optsWithGlobals())),
  );
  docs.addCommand(
    new Command('rm')
      .description('Remove documents by their id, or a whole collection with the grants of this box for it')
      .argument('<collection>', 'the collection')
      .argument('[id...]', 'documents, as `docs ls` shows them; without any the collection goes')
      .addHelpText('after', '\nExamples:\n  $ bowline docs rm docs docs/old.md\n  $ bowline docs rm docs')
      .action((name: string, ids: string[], _o, command: Command) =>
        removeDocuments(io, name, ids, command.optsWithGlobals()),
      ),
  );
  return docs;
}

async function add(io: CliIo, paths: string[], options: AddOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const err = new Printer(io.stderr, io.env);
  const leave = new AbortController();
  const stop = io.onInterrupt(() => leave.abort(new AppError('CANCELED')));
  let bar: ProgressBar | undefined;
  let grants: unknown[] = [];
  try {
    const added = await using(localSide(io, options), (edge) =>
      using(controlSide({ ...io, tellsProgress: true }, options), (control) =>
        addDocuments({
          edge,
          control,
          collection: options.to,
          patterns: paths.map((path) => parseShare(path, io).pattern),
          recipients: options.recipient,
          excludes: options.exclude,
          gitignore: options.gitignore === true,
          sync: options.sync === true,
          signal: leave.signal,
          onGranted: (granted) => {
            grants = granted.grants.map((each) => plain(GrantSchema, each));
            const bytes = granted.documents.reduce((sum, { bytes: each }) => sum + each, 0n);
            const who = granted.grants[0]?.recipients.join(', ') ?? '';
            const what = countText(granted.documents.length, 'file');
            err.line(`sharing ${what} (${bytesText(bytes)}) with ${who}, for the collection ${options.to}`, 'yellow');
            bar = new ProgressBar(io.stderr, granted.documents.length);
          },
          onProgress: (done, next) => bar?.show(done, next),
        }),
      ),
    );
    bar?.clear();
    const { documents, leftOut, gone, removed } = added;
    io.exit(exitOf(added, paths));
    if (options.json) {
      out.json({
        grant: grants[0],
        grants,
        documents: documents.map((each) => plain(IngestedDocumentSchema, each)),
        leftOut: leftOut.map((each) => plain(LeftOutSchema, each)),
        moreLeftOut: added.moreLeftOut,
        gone,
        removed,
      });
    } else {
      const failed = documents.filter(({ state }) => state === IngestState.FAILED);
      const left = [...leftOut, ...failed.map(({ id, reason, problem }) => ({ path: id, reason, problem }))];
      const { verbose } = options;
      for (const line of leftOutLines(left, { not: 'not added', more: added.moreLeftOut, verbose }))
        err.line(line, 'red');
      told(out, err, options.to, documents);
      toldGone(out, err, options.to, added);
    }
  } catch (error) {
    throw namingMissing(error, paths, io);
  } finally {
    bar?.clear();
    stop();
  }
}

function exitOf({ documents, leftOut, moreLeftOut }: AddedDocuments, paths: readonly string[]): number {
  const failed = documents.filter(({ state }) => state === IngestState.FAILED);
  if (failed.length > 0 && failed.length === documents.length) return EXIT.failed;
  const left = [...leftOut, ...failed.map(({ id, reason }) => ({ path: id, reason }))];
  return moreLeftOut > 0 || leavesPart(left, paths) ? EXIT.partial : EXIT.answered;
}

/** Names of documents that are shown. */
const MOST_NAMES = 20;

function toldGone(out: Printer, err: Printer, collection: string, { gone, removed }: AddedDocuments): void {
  if (gone.length === 0) return;
  const what = countText(gone.length, 'document');
  if (removed) out.line(`${collection}: ${what} removed, whose files are gone or left out`);
  else
    err.line(
      `${what} of ${collection} still answer though their files are gone from these folders, or left out now:`,
      'yellow',
    );
  for (const { id, now } of gone.slice(0, MOST_NAMES)) err.line(`  ${id}${now && ` (its content is now ${now})`}`);
  if (gone.length > MOST_NAMES) err.line(`  and ${gone.length - MOST_NAMES} more`);
  if (!removed) err.line('take them out by the same command with --sync', 'dim');
}

function told(out: Printer, err: Printer, collection: string, documents: readonly IngestedDocument[]): void {
  for (const { id, warning } of documents) if (warning !== '') err.line(`${id}: ${warning}`, 'yellow');
  const counts = [IngestState.ADDED, IngestState.REPLACED, IngestState.UNCHANGED, IngestState.FAILED].flatMap(
    (state) => {
      const count = documents.filter((each) => each.state === state).length;
      return count > 0 ? [`${count} ${enumText(IngestStateSchema, state)}`] : [];
    },
  );
  const sum = (of: (each: IngestedDocument) => number) => documents.reduce((total, each) => total + of(each), 0);
  const passages = `${countText(
    sum((each) => each.passages),
    'passage',
  )}, ${sum((each) => each.embedded)} embedded`;
  out.line(`${collection}: ${counts.join(', ')}; ${passages}`);
}

async function list(io: CliIo, name: string | undefined, options: GlobalOptions & ListOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  await using(controlSide(io, options), async (control) => {
    const service = control.client(RetrievalService);
    if (name === undefined) {
      const all = await pages<Collection>(
        options.limit,
        async (pageSize, pageToken) => {
          const { collections, nextPageToken } = await service.listCollections({ pageSize, pageToken });
          return { items: collections, nextPageToken };
        },
        io,
      );
      if (options.json) return out.json(all.map((one) => plain(CollectionSchema, one)));
      const columns: Column<Collection>[] = [
        { heading: 'collection', text: (c) => c.name, least: 12 },
        { heading: 'documents', text: (c) => String(c.documents), isNumber: true },
        { heading: 'passages', text: (c) => String(c.passages), isNumber: true, leaves: 2 },
        { heading: 'size', text: (c) => bytesText(c.bytes), isNumber: true },
        timeColumn('changed', (c) => c.updateTime),
        {
          heading: 'model',
          text: (c) => `${c.model}${c.lexical ? ' (letters, not meaning)' : ''}`,
          least: 12,
          leaves: 1,
        },
      ];
      const none = 'no collections; add documents with: bowline docs add PATH';
      return out.table(columns, all, { none, wide: options.wide });
    }
    const all = await pages<StoredDocument>(
      options.limit,
      async (pageSize, pageToken) => {
        const { documents, nextPageToken } = await service.listDocuments({ collection: name, pageSize, pageToken });
        return { items: documents, nextPageToken };
      },
      io,
    );
    if (options.json) return out.json(all.map((one) => plain(StoredDocumentSchema, one)));
    const columns: Column<StoredDocument>[] = [
      { heading: 'document', text: (d) => d.id, least: 24, keepsEnd: true },
      { heading: 'passages', text: (d) => String(d.passages), isNumber: true, leaves: 2 },
      { heading: 'size', text: (d) => bytesText(d.bytes), isNumber: true },
      timeColumn('changed', (d) => d.updateTime),
      { heading: 'title', text: (d) => d.title, least: 12, leaves: 1 },
    ];
    return out.table(columns, all, { none: `no documents in ${name}`, wide: options.wide });
  });
}

interface ReEmbedOptions extends GlobalOptions {
  model?: string;
  json?: boolean;
}

async function reEmbed(io: CliIo, names: string[], options: ReEmbedOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const err = new Printer(io.stderr, io.env);
  const leave = new AbortController();
  const stop = io.onInterrupt(() => leave.abort(new AppError('CANCELED')));
  const { signal } = leave;
  try {
    const done = await using(controlSide(io, options), (control) =>
      reEmbedCollections({
        control,
        names,
        model: options.model ?? '',
        signal,
        bar: (total) => new ProgressBar(io.stderr, total),
      }),
    );
    const failed = done.filter(({ problem }) => problem !== undefined);
    if (failed.length > 0) io.exit(failed.length === done.length ? EXIT.failed : EXIT.partial);
    if (options.json) return out.json(done);
    if (done.length === 0) out.line('no collections', 'dim');
    for (const { collection, embedded, model, problem } of done) {
      if (problem !== undefined) err.line(`${collection}: ${problem}`, 'red');
      else if (embedded === 0) out.line(`${collection}: has the vectors of ${model}`);
      else out.line(`${collection}: ${countText(embedded, 'text')} embedded with ${model}`);
    }
  } finally {
    stop();
  }
}

async function search(io: CliIo, query: string, options: SearchOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const found = await using(controlSide(io, options), (control) =>
    control.client(RetrievalService).search({ query, collections: options.in, pageSize: options.limit }),
  );
  if (options.json) {
    const { passages, collections, lexical, skipped } = found;
    const left = skipped.map((each) => plain(SkippedCollectionSchema, each));
    out.json({ passages: passages.map((each) => plain(PassageSchema, each)), collections, lexical, skipped: left });
    return;
  }
  for (const { collection, problem } of found.skipped)
    new Printer(io.stderr, io.env).line(`left out: ${collection}: ${problem}`, 'dim');
  if (found.passages.length === 0) {
    out.line(`nothing in ${found.collections.join(', ') || 'any collection'}`, 'dim');
    return;
  }
  for (const passage of found.passages) {
    out.line(placeText(passage), 'bold');
    for (const line of passage.text.split('\n').slice(0, MAX_LINES)) out.line(`  ${line}`);
    out.line();
  }
  if (found.lexical)
    new Printer(io.stderr, io.env).line(
      'compared by letters, not by meaning; for meaning: bowline models --help',
      'dim',
    );
}

/** Lines of a passage that are shown. */
const MAX_LINES = 8;

function placeText({ document, startLine, endLine, page, collection, headings }: Passage): string {
  const lines = startLine > 0 ? `:${startLine}${endLine > startLine ? `-${endLine}` : ''}` : '';
  const where = `${document}${lines}${page > 0 ? `, page ${page}` : ''}`;
  return [where, headings.join(' > '), collection].filter(Boolean).join('  ·  ');
}
