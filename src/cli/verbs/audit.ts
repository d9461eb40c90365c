// The verb `audit`: who did what to what on the control plane.
import { Command } from 'commander';
import { type AuditEntry, AuditEntrySchema, AuditService } from '../../../gen/bowline/control/v1/audit_service_pb.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import { timeColumn } from '../columns.ts';
import type { CliIo } from '../io.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { listed } from '../watched-list.ts';

export function auditVerb(io: CliIo): Command {
  const verb = new Command('audit').description('List who did what on the control plane');
  return verb.addCommand(
    lsCommand('List entries, newest first')
      .addHelpText('after', '\nExamples:\n  $ bowline audit ls\n  $ bowline audit ls -n 500 --json')
      .action(listed(io, list)),
  );
}

async function list(io: CliIo, options: GlobalOptions & ListOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const all = await using(controlSide(io, options), (control) => {
    const service = control.client(AuditService);
    return pages<AuditEntry>(
      options.limit,
      async (pageSize, pageToken) => {
        const { entries, nextPageToken } = await service.listAudit({ pageSize, pageToken });
        return { items: entries, nextPageToken };
      },
      io,
    );
  });
  if (options.json) return out.json(all.map((each) => plain(AuditEntrySchema, each)));
  const columns: Column<AuditEntry>[] = [
    timeColumn('when', (e) => e.createTime),
    { heading: 'who', text: (e) => e.principal, least: 10, keepsEnd: true },
    { heading: 'what', text: (e) => e.action },
    { heading: 'on', text: (e) => e.subject, least: 10, keepsEnd: true },
    { heading: 'more', text: (e) => e.detailJson, least: 12, leaves: 1 },
  ];
  out.table(columns, all, { none: 'no entries', wide: options.wide });
}
