// Tries a command on a copy of the folders that it changes: what it changed there is shown to the owner and kept for the yes. The folders
// themselves stay as they are.
import { lstat, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type CommandEffect,
  CommandEffectSchema,
  CommandPreviewSchema,
  type FileEffect,
  FileEffectSchema,
} from '../../../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import { isNeverWritten } from '../../../config/never-written.ts';
import { maskedOutput } from '../../../secrets/masked-output.ts';
import { DIFF_BYTES } from '../../fs/change/text-diff.ts';
import { type ChildExit, runChild } from '../child.ts';
import type { CommandLook } from '../command-effect.ts';
import { checksOf, type JudgedRun, mustBeUnchanged, type OpenRun, viewOf } from '../open-run.ts';
import { planLaunch } from '../plan-launch.ts';
import { networkView } from '../system-view.ts';
import { findChanges, LIST_BYTES, listRoom, longList } from './find-changes.ts';
import { type FolderOwner, folderOwnerOf } from './folder-owner.ts';
import type { PlannedFolder } from './plan-tops.ts';
import type { PlannedChange } from './planned-change.ts';
import { fileEffectOf } from './preview-effect.ts';
import type { PreviewDraft, TriedCommand } from './previews.ts';

/** Of what it printed, what is shown. */
const SHOWN_BYTES = 4 << 10;
/** Of all diffs of one preview together; what comes later is listed without one. With the list it is less than what is shown of one call may have. */
const ALL_DIFFS_BYTES = 128 << 10;

/** @returns the effect with what it did, or with why it could not be tried. @throws PREVIEW_REFUSED, APPROVAL_CHANGED, why `stop` aborted */
export async function tryCommand(
  run: JudgedRun,
  open: OpenRun,
  { effect, ...look }: CommandLook,
  stop: AbortSignal,
): Promise<CommandEffect> {
  const { parts, command, isolation } = run;
  const { writes } = command.entry;
  const owner = await folderOwnerOf(writes, isolation);
  const problem = parts.preview.problem || owner.problem;
  if (problem !== '' || isolation?.kind !== 'bubblewrap')
    return create(CommandEffectSchema, { ...effect, noPreview: problem || 'commands do not run in bubblewrap here' });
  const draft = await parts.preview.store.draft();
  const scratch = await parts.preview.store.scratch();
  try {
    const trial = new Trial(run, open, { effect, ...look }, { draft, scratch, owner, stop });
    return await trial.run();
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await draft.close();
  }
}

interface TrialPlace {
  readonly draft: PreviewDraft;
  readonly scratch: string;
  readonly owner: FolderOwner;
  readonly stop: AbortSignal;
}

class Trial {
  readonly #run: JudgedRun;
  readonly #open: OpenRun;
  readonly #look: CommandLook;
  readonly #place: TrialPlace;
  readonly #printed: TriedCommand['output'][number][] = [];
  readonly #changes: PlannedChange[] = [];
  #folders: Omit<PlannedFolder, 'inside'>[] = [];
  readonly #inside: PlannedFolder['inside'][] = [];
  #diffsLeft = ALL_DIFFS_BYTES;
  readonly #room = listRoom();
  #listLeft = LIST_BYTES;
  readonly #diffs = new Map<PlannedChange, { lower: string; merged: string }>();

  constructor(run: JudgedRun, open: OpenRun, look: CommandLook, place: TrialPlace) {
    this.#run = run;
    this.#open = open;
    this.#look = look;
    this.#place = place;
  }

  async run(): Promise<CommandEffect> {
    const { command } = this.#run;
    this.#folders = await Promise.all(command.entry.writes.map(plannedFolder));
    return this.#try();
  }

  async #try(): Promise<CommandEffect> {
    const { parts, request, command } = this.#run;
    const { draft, stop } = this.#place;
    const { entry } = command;
    const { secrets } = parts;
    const env = secrets.given(entry.env);
    const stdin = typeof entry.stdin === 'string' ? secrets.reveal(entry.stdin) : request.stdin;
    const output = maskedOutput(
      {
        add: (stream: 'stdout' | 'stderr', data: Uint8Array) =>
          this.#printed.push({ stream, data: Buffer.from(data).toString('base64') }),
        end: () => {},
      },
      secrets.masker,
    );
    const began = parts.clock.monotonic();
    const effects: CommandEffect['preview'] = create(CommandPreviewSchema);
    const exit = await runChild(
      {
        launch: await this.#launch(),
        env,
        stdin,
        maxOutput: parts.limits.command_output_bytes,
        onOutput: (stream, data) => output.add(stream, data),
        onEnded: async (pid) => {
          await this.#find(pid);
          for (const change of this.#changes) effects.changes.push(await this.#shown(change));
        },
      },
      stop,
      parts.clock,
    );
    output.end(exit.truncated);
    if (exit.stopped) stop.throwIfAborted();
    // What it read may have changed while it ran.
    await mustBeUnchanged(this.#look);
    const tried = this.#tried(exit, parts.clock.monotonic() - began);
    effects.exitCode = exit.code;
    effects.signal = exit.signal;
    effects.output = this.#shownOutput();
    effects.notUndone = parts.changes.whyNotKept(this.#replacedBytes());
    const effect = create(CommandEffectSchema, { ...this.#look.effect, preview: effects });
    const folders = this.#folders.map((folder, n) => ({ ...folder, inside: this.#inside[n] ?? {} }));
    await draft.finish(effect, { folders, changes: this.#changes, tried });
    return effect;
  }

  async #launch() {
    const { parts, command, isolation } = this.#run;
    const { opened, program } = this.#open;
    const { scratch, owner, stop } = this.#place;
    const { limits } = parts;
    const writable = this.#folders.map(({ path }, n) => ({ path, from: join(scratch, `m${n}`) }));
    const view = await viewOf(this.#run, opened, program, writable, stop);
    const { uid, gid } = owner;
    return planLaunch({
      program,
      opened,
      isolation,
      view,
      checks: checksOf(this.#look, { ...this.#open, view }),
      network: command.entry.network ? await networkView() : undefined,
      uid,
      gid,
      overlay: {
        scratch,
        folders: this.#folders.map(({ path, device, inode }) => ({ path, check: `${device}:${inode}` })),
      },
      memoryBytes: limits.command_memory_bytes,
      processes: limits.command_processes,
      diskBytes: limits.command_disk_bytes,
    });
  }

  /** @param pid the process whose namespaces hold the copies */
  async #find(pid: number): Promise<void> {
    const { allow, secrets, limits } = this.#run.parts;
    const { draft, scratch, stop } = this.#place;
    const inside = `/proc/${pid}/root${scratch}`;
    for (const [n, { path: top }] of this.#folders.entries()) {
      const layers = { lower: join(inside, `l${n}`), upper: join(inside, `u${n}`), merged: join(inside, `m${n}`) };
      const found = await findChanges(layers, {
        folder: n,
        isDenied: (path, isFile) => allow.isDenied(join(top, path), isFile) || isNeverWritten(join(top, path)),
        keep: async (change, from) => {
          await draft.keep(change, from, stop);
          this.#diffs.set(change, { lower: join(layers.lower, change.path), merged: from });
        },
        // Also one whose value has a `/` in it, and lies over more than one part of the path.
        holdsSecret: (text) => [text, join(top, text)].some((each) => (secrets.masker?.text(each) ?? each) !== each),
        room: this.#room,
        mostBytes: limits.command_disk_bytes,
        signal: stop,
      });
      this.#changes.push(...found.changes);
      this.#inside.push(found.inside);
    }
  }

  /** A secret that it has written is shown by its handle. @throws PREVIEW_REFUSED */
  async #shown(change: PlannedChange): Promise<FileEffect> {
    this.#place.stop.throwIfAborted();
    const [place, texts] = [this.#shownPlace(change), this.#diffs.get(change)];
    const { masker } = this.#run.parts.secrets;
    const withDiff = async (most: number) => {
      const effect = await fileEffectOf(place, change, texts, most);
      return create(FileEffectSchema, { ...effect, diff: masker?.text(effect.diff) ?? effect.diff });
    };
    const full = await withDiff(Math.min(DIFF_BYTES, this.#diffsLeft));
    // Masks may be longer than what they stand for.
    const effect = Buffer.byteLength(full.diff) > this.#diffsLeft ? await withDiff(0) : full;
    this.#diffsLeft -= Buffer.byteLength(effect.diff);
    this.#listLeft -= toBinary(FileEffectSchema, { ...effect, diff: '' }).length;
    if (this.#listLeft < 0) throw longList();
    return effect;
  }

  #shownPlace({ folder, path }: PlannedChange) {
    const top = this.#folders[folder]!.path;
    const realPath = join(top, path);
    return { realPath, name: this.#run.parts.allow.nameOf(realPath)?.name ?? join(basename(top), path) };
  }

  #tried({ code, signal, truncated }: ChildExit, elapsedMs: number): TriedCommand {
    return { code, signal, truncated, elapsedMs, output: this.#printed };
  }

  #replacedBytes(): number {
    const files = this.#changes.filter(({ before }) => before?.kind === 'file');
    return files.reduce((sum, { before }) => sum + before!.bytes, 0);
  }

  #shownOutput(): string {
    const all = Buffer.concat(this.#printed.map(({ data }) => Buffer.from(data, 'base64')));
    return all.toString('utf8', 0, Math.min(all.length, SHOWN_BYTES));
  }
}

async function plannedFolder(path: string): Promise<Omit<PlannedFolder, 'inside'>> {
  const stat = await lstat(path, { bigint: true }).catch(() => undefined);
  if (!stat?.isDirectory()) throw new AppError('FILE_CHANGED');
  return { path, device: `${stat.dev}`, inode: `${stat.ino}` };
}
