// Installs the optional library of local models into the folder that is named, by the command that the error LLAMA_MISSING tells.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { installCommand } from '../src/worker/llama/llama.ts';

const folder = resolve(process.argv[2] ?? '.build/llama');
mkdirSync(folder, { recursive: true });
execFileSync('sh', ['-c', installCommand(folder)], { stdio: 'inherit' });
