// What the owner does to take changes back, method by method.
import type { ServiceImpl } from '@connectrpc/connect';
import type { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { Undoing } from '../changes/undo.ts';

export interface UndoMethodsDeps {
  readonly undoing: Pick<Undoing, 'preview' | 'undo'>;
  /** Aborts when the process leaves. */
  readonly closing: AbortSignal;
}

type UndoMethods = Pick<ServiceImpl<typeof LocalService>, 'previewUndo' | 'undo'>;

export function undoMethods({ undoing, closing }: UndoMethodsDeps): UndoMethods {
  return {
    previewUndo: ({ target }, { signal }) => undoing.preview(target, AbortSignal.any([signal, closing])),
    // What has begun is brought to its end, also when the owner leaves.
    undo: ({ target, changes }) => undoing.undo(target, changes, closing),
  };
}
