// Installs the optional client of S3 into the folder that is named, by the command that the error S3_MISSING tells, and beside it a server
// for its tests.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { s3InstallCommand } from '../src/control/blobs/s3-library.ts';

const SERVER = 's3rver@3.7.1';

const folder = resolve(process.argv[2] ?? '.build/s3');
mkdirSync(folder, { recursive: true });
execFileSync('sh', ['-c', `${s3InstallCommand(folder)} ${SERVER}`], { stdio: 'inherit' });
