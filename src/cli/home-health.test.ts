import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AppError } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import { homeHealth } from './home-health.ts';

test('a home that is a file or a circle of links is told as that, one that is not there as empty', () => {
  const dir = mkdtempSync(join(tmpdir(), 'bowline-'));
  writeFileSync(join(dir, '文件'), 'x');
  symlinkSync('loop', join(dir, 'loop'));
  const silent = { problem: new AppError('NOT_RUNNING', { where: 'x', home: dir }), alive: undefined };
  const whyOf = (name: string) =>
    homeHealth(homePaths(join(dir, name)), { edge: silent, control: silent }).findings.map(
      ({ why }) => `${why.reason}: ${why.message.replaceAll(dir, '')}`,
    );
  expect(whyOf('文件')).toEqual(['HOME_UNUSABLE: the home /文件 cannot be used: it is no folder']);
  expect(whyOf('loop')).toEqual(['HOME_UNUSABLE: the home /loop cannot be used: its links lead in a circle']);
  expect(whyOf('new')).toEqual([expect.stringMatching(/^HOME_EMPTY/)]);
  rmSync(dir, { recursive: true });
});
