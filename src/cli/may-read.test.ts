import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GetStatusResponseSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { stopping } from '../contract/condition.ts';
import { mayReadText } from './may-read.ts';

test('what may be read is told, and for nothing the remedy that helps', () => {
  const conditions = [stopping(new AppError('PERMISSIONS_UNKNOWN', { problem: 'config.yaml:1: x' }))];
  expect(mayReadText(create(GetStatusResponseSchema, { roots: ['笔记 (/a)', 'b (/b)'] }))).toBe('笔记 (/a), b (/b)');
  expect(mayReadText(create(GetStatusResponseSchema, {}))).toBe('nothing (see --allow)');
  expect(mayReadText(create(GetStatusResponseSchema, { conditions }))).toBe('nothing until config.yaml is mended');
});
