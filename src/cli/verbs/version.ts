// The verb `version`: what exactly runs here.
import { Command } from 'commander';
import { BUILD } from '../../base/version.ts';
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { SESSION_VERSIONS } from '../../contract/versions.ts';
import { workerCapabilities } from '../../contract/worker-capabilities.ts';
import { builtFile } from '../built-file.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';

export function versionVerb(io: CliIo): Command {
  return new Command('version')
    .description('Print the version, the commit it was built from, the Node it runs on, and the contracts it knows')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ bowline version\n  $ bowline version --json')
    .action((options: { json?: boolean }) => {
      const out = new Printer(io.stdout, io.env);
      const known = { version: BUILD, commit: commit(), node: process.version, contracts: contracts() };
      if (options.json) return out.json({ ...known, sessions: SESSION_VERSIONS });
      out.line(`bowline ${known.version}${known.commit ? `, commit ${known.commit}` : ''}`);
      out.line(`node ${known.node}, ${process.platform} ${process.arch}`);
      out.line(`sessions ${SESSION_VERSIONS.min} to ${SESSION_VERSIONS.max}`);
      for (const name of known.contracts) out.line(name);
    });
}

/** The packages of the contract: capabilities, and what programs speak among themselves. */
function contracts(): string[] {
  const capabilities = [...edgeCapabilities, ...workerCapabilities].map(({ file }) => file.proto.package);
  return [...capabilities, 'bowline.control.v1', 'bowline.edge.v1', 'bowline.local.v1', 'bowline.worker.v1'].sort();
}

/** Empty where the build knew none. */
function commit(): string {
  try {
    return builtFile('commit.txt').trim();
  } catch {
    return '';
  }
}
