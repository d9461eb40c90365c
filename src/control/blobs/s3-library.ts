// The part of the official client of S3 that is used, by shape: it is an optional package, so neither its types nor its code may be needed
// to build or start.
import { findApart } from '../../base/apart-library.ts';
import { AppError } from '../../base/errors.ts';
import { shellQuote } from '../../base/shell-quote.ts';

/** A name in a variable, so that no tool looks for it at build time. */
const S3_PACKAGE: string = '@aws-sdk/client-s3';
const VERSION = '3.1169.0';

export interface S3Options {
  readonly region: string;
  readonly endpoint?: string;
  readonly forcePathStyle: boolean;
  readonly requestChecksumCalculation: 'WHEN_REQUIRED';
  readonly responseChecksumValidation: 'WHEN_REQUIRED';
}

export interface S3Answer {
  readonly ContentLength?: number;
  readonly Body?: { transformToByteArray(): Promise<Uint8Array>; destroy(error: Error): void };
}

export interface S3Client {
  send(command: object, options: { readonly abortSignal: AbortSignal }): Promise<S3Answer>;
  destroy(): void;
}

interface OnObject {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body?: Uint8Array;
}

type Command<Input> = new (input: Input) => object;

export interface S3Library {
  readonly S3Client: new (options: S3Options) => S3Client;
  readonly HeadBucketCommand: Command<Pick<OnObject, 'Bucket'>>;
  readonly PutObjectCommand: Command<OnObject>;
  readonly GetObjectCommand: Command<OnObject>;
  readonly HeadObjectCommand: Command<OnObject>;
  readonly DeleteObjectCommand: Command<OnObject>;
}

export const s3InstallCommand = (folder: string): string =>
  `npm i --no-save --ignore-scripts --prefix ${shellQuote(folder)} ${S3_PACKAGE}@${VERSION}`;

/** Throws S3_MISSING. */
export async function loadS3(folder: string): Promise<S3Library> {
  const url = findApart(folder, S3_PACKAGE, 'dist-cjs/index.js');
  if (url === undefined) throw new AppError('S3_MISSING', { command: s3InstallCommand(folder) });
  return (await import(url)) as S3Library;
}
