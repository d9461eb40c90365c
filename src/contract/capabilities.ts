// The capabilities compiled into this build. One line each; everything else is derived from their descriptors.
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { LanService } from '../../gen/bowline/capability/lan/v1/lan_pb.ts';
import { ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';

/** Served by edges. */
export const edgeCapabilities = [FsService, ShellService, LanService] as const;
