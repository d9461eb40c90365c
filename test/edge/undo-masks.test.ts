import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import {
  PreviewUndoRequestSchema,
  UndoRequestSchema,
  UndoState,
  type UndoStep,
  UndoStepSchema,
} from '../../gen/bowline/local/v1/local_pb.ts';
import { Gate } from '../../src/edge/egress/gate.ts';
import { undoMethods } from '../../src/edge/local/undo-methods.ts';
import { FormMatcher } from '../../src/edge/secrets/form-matcher.ts';
import { Masker } from '../../src/edge/secrets/masker.ts';
import { secretForms } from '../../src/edge/secrets/secret-forms.ts';
import { roomyDay } from '../support/roomy-day.ts';

test('secrets in what an undo would bring back are masked, and what is kept is not', async () => {
  const secret = 'correct-horse-battery';
  const step = create(UndoStepSchema, {
    change: 1n,
    state: UndoState.POSSIBLE,
    effect: { path: 'notes/会议.md', diff: `@@ -1 +1 @@\n-old\n+key ${secret}\n` },
  });
  const steps: UndoStep[] = [step];
  const matcher = new FormMatcher();
  for (const form of secretForms(secret)) matcher.add('wifi', form);
  const masker = new Masker(matcher);
  const gate = new Gate(
    { covers: () => 'NO_GRANT', spend: () => false, spendAgain: () => undefined },
    roomyDay(),
    () => masker,
  );
  const methods = undoMethods({
    undoing: { preview: async () => ({ run: 'r', steps }), undo: async () => ({ id: 'u', steps }) },
    mask: (method, told) => gate.mask(method, told),
    closing: new AbortController().signal,
  });
  const context = { signal: new AbortController().signal } as HandlerContext;
  const preview = await methods.previewUndo(create(PreviewUndoRequestSchema, { target: 'r' }), context);
  const done = await methods.undo(create(UndoRequestSchema, { target: 'r' }), context);
  for (const { steps } of [preview, done]) expect(steps?.[0]?.effect?.diff).toContain('+key ***wifi***');
  expect(step.effect?.diff).toContain(secret);
});
