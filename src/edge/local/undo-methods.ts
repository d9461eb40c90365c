// What the owner does to take changes back, method by method.
import { clone, create, type DescMethod, type Message } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { LocalService, PreviewUndoResponseSchema, UndoResponseSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { Undoing } from '../changes/undo.ts';

export interface UndoMethodsDeps {
  readonly undoing: Pick<Undoing, 'preview' | 'undo'>;
  /** Masks the secrets in what is told, in place. */
  readonly mask: (method: DescMethod, told: Message) => void;
  /** Aborts when the process leaves. */
  readonly closing: AbortSignal;
}

type UndoMethods = Pick<ServiceImpl<typeof LocalService>, 'previewUndo' | 'undo'>;

/** Secrets in the differences are masked as in what the owner is asked. */
export function undoMethods({ undoing, mask, closing }: UndoMethodsDeps): UndoMethods {
  return {
    async previewUndo({ target }, { signal }) {
      const told = await undoing.preview(target, AbortSignal.any([signal, closing]));
      const shown = clone(PreviewUndoResponseSchema, create(PreviewUndoResponseSchema, told));
      mask(LocalService.method.previewUndo, shown);
      return shown;
    },
    async undo({ target, changes }) {
      // What has begun is brought to its end, also when the owner leaves.
      const told = await undoing.undo(target, changes, closing);
      const shown = clone(UndoResponseSchema, create(UndoResponseSchema, told));
      mask(LocalService.method.undo, shown);
      return shown;
    },
  };
}
