// Approvals as an owner may be shown them, and what the view makes of them.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Approval, ApprovalSchema, ApprovalState, FileAction } from '../../gen/bowline/approval/v1/approval_pb.ts';
import { Taint } from '../../gen/bowline/policy/v1/options_pb.ts';
import { approvalView } from '../../src/cli/approvals/approval-view.ts';

export const NOW = 1_790_000_000_000;
export const RUN = '01a22c0d-9df4-7268-83c8-904fd414a310';
export const HASH = new Uint8Array(32).fill(0xab);

export const asked = (
  effect: NonNullable<Parameters<typeof create<typeof ApprovalSchema>>[1]>['effect'],
  more = {},
): Approval =>
  create(ApprovalSchema, {
    id: '0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11',
    run: RUN,
    job: `${RUN}/2/1`,
    method: 'bowline.capability.fs.v1.FsService/Write',
    title: '整理我的笔记',
    state: ApprovalState.PENDING,
    createTime: timestampFromMs(NOW - 180_000),
    expireTime: timestampFromMs(NOW + 86_400_000),
    taints: [Taint.UNTRUSTED],
    reason: 'config.yaml line 12 says confirm: always',
    digest: HASH,
    effect: effect!,
    ...more,
  });

export const change = (diff: string, path = 'docs/notes.md', more = {}) =>
  asked({
    effect: {
      case: 'file',
      value: {
        action: FileAction.CHANGE,
        path,
        realPath: `/home/ana/${path}`,
        before: { device: 1n, inode: 42n, sha256: HASH, bytes: 118n, mode: 0o100644 },
        after: { sha256: HASH, bytes: 210n, mode: 0o100644 },
        diff,
        ...more,
      },
    },
  });

export const command = (argv: string[], more = {}) =>
  asked({
    effect: {
      case: 'command',
      value: { argv, program: '/usr/bin/git', programSha256: HASH, cwd: '/home/ana', limits: ['no network'], ...more },
    },
  });

export const linesOf = (approval: Approval, columns = 80, rows: number | undefined = 24) =>
  approvalView(approval, { columns, rows, now: NOW }).lines.map(({ text }) => text);

export const SMALL = '--- a\n+++ b\n@@ -1,2 +1,3 @@\n title\n-灯塔 is red\n+灯塔 is blue\n+and tall\n';
