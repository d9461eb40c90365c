// The verb `journal`.
import { Command } from 'commander';
import { LocalService, VerifyJournalResponseSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { EXIT } from '../../base/errors.ts';
import { type GlobalOptions, localSide, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import { countText } from '../units.ts';

export function journalVerb(io: CliIo): Command {
  const journal = new Command('journal').description("Check the edge's journal");
  journal.addCommand(
    new Command('verify')
      .description('Read the whole journal and check its hash chain; exit code 6 when it is broken')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline journal verify')
      .action((_o, command: Command) => verify(io, command.optsWithGlobals())),
  );
  return journal;
}

async function verify(io: CliIo, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const result = await using(localSide(io, options), (edge) => edge.client(LocalService).verifyJournal({}));
  if (!result.ok) io.exit(EXIT.failed);
  if (options.json) {
    out.json(plain(VerifyJournalResponseSchema, result));
    return;
  }
  const read = `${countText(Number(result.records), 'record')} in ${countText(result.segments, 'segment')}`;
  if (result.ok) out.line(`sound: ${read}`, 'green');
  else out.line(`broken after ${read}: ${result.problem}`, 'red');
  out.line(`journal ${result.journalId}`);
  out.line(`head    ${result.head}`);
}
