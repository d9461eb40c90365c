// The strings and bytes that may leave as METADATA, each looked at by a person: ids, hashes, codes, media types. A field
// that is annotated METADATA and does not stand here is treated as CONTENT.

/** `message.field`, by full name. Adding one needs a max_len in the contract and a reason why it tells nothing. */
export const REVIEWED: ReadonlySet<string> = new Set([
  // Random or made from ids.
  'bowline.edge.v1.Hello.boot_id',
  'bowline.edge.v1.Hello.resume_token',
  'bowline.record.v1.JournalPosition.journal_id',
  'bowline.edge.v1.OpenToolCall.job',
  'bowline.edge.v1.OpenToolCall.idempotency_key',
  'bowline.record.v1.Ask.journal_id',
  'bowline.record.v1.Ask.run',
  'bowline.record.v1.Ask.conversation',
  'bowline.record.v1.Ask.better_than',
  'bowline.record.v1.ShareGrant.id',
  'bowline.record.v1.CollectionUse.grant',
  'bowline.edge.v1.CancelRun.run',
  'bowline.edge.v1.ToolProgress.job',
  'bowline.edge.v1.ToolHeld.job',
  'bowline.edge.v1.ToolHeld.idempotency_key',
  'bowline.record.v1.ToolResult.job',
  'bowline.edge.v1.SealedNote.key',
  'bowline.edge.v1.SealedNote.id',
  'bowline.edge.v1.OwnerNoteTaken.key',
  'bowline.edge.v1.OwnerNoteTaken.id',
  // Of bytes that the control plane sent itself.
  'bowline.edge.v1.OwnerNoteTaken.sha256',
  'bowline.record.v1.ToolResult.idempotency_key',
  'bowline.edge.v1.FollowRun.run',
  'bowline.edge.v1.FollowRun.job',
  'bowline.run.v1.Egress.grant',
  'bowline.run.v1.Egress.run',
  'bowline.run.v1.Egress.job',
  // Hashes over a chain with random salt; they tell only whether two chains are the same.
  'bowline.record.v1.JournalPosition.head_sha256',
  'bowline.record.v1.JournalPosition.anchored_sha256',
  'bowline.record.v1.ToolResult.head_sha256',
  'bowline.record.v1.Ask.head_sha256',
  // Of the program, not of its owner's files.
  'bowline.manifest.v1.Manifest.build',
  'bowline.manifest.v1.Capability.package',
  'bowline.manifest.v1.Capability.descriptor_sha256',
  'bowline.manifest.v1.Method.name',
  // Random: stands for a fact that stays on the box.
  'bowline.capability.fs.v1.QueryResponse.mark',
  'bowline.telemetry.v1.EdgeSpan.run',
  'bowline.telemetry.v1.EdgeSpan.job',
  // Codes of fixed tables; the gate checks that a reason stands in the table.
  'bowline.telemetry.v1.EdgeSpan.reason',
  'bowline.telemetry.v1.EdgeLogLine.reason',
  'bowline.common.v1.Failure.reason',
  // Of the routing rules of the control plane; its owner typed it, and it has at most 32 small letters, digits and `-`.
  'bowline.record.v1.Ask.tier',
  // Names of fields of the contract.
  'bowline.run.v1.Withheld.field',
  'bowline.run.v1.Egress.field',
]);
