// Blobs as objects of a bucket, by the official client. Credentials come from where that client looks for them: the environment, its files, or
// the machine. Errors tell a name and a status, never what a server wrote: that may hold parts of a request.
import { AppError } from '../../base/errors.ts';
import { systemCode } from '../../base/system-code.ts';
import { type BlobBackend, type BlobName, blobPath } from './blob-store.ts';
import { loadS3, type S3Answer, type S3Client } from './s3-library.ts';

/** Of one call with all its repeats: a commit that waits for it is given up after twice the time. */
const DEADLINE_MS = 15_000;

export interface BucketPlace {
  readonly bucket: string;
  /** Undefined: Amazon's, for the region. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly prefix: string;
  /** Whether the bucket stands before the host of the endpoint. */
  readonly hostStyle: boolean;
}

export interface OpenedBucket {
  readonly backend: BlobBackend;
  /** Why it does not answer now; undefined when it does. */
  readonly away: AppError | undefined;
  readonly close: () => void;
}

type Read<T> = (answer: S3Answer) => T | Promise<T>;

/** `folder`: where the client was installed. Throws S3_MISSING, and BLOB_STORE_UNUSABLE for what waiting does not mend. */
export async function openS3Blobs(
  { bucket, endpoint, region, prefix, hostStyle }: BucketPlace,
  folder: string,
  deadlineMs = DEADLINE_MS,
): Promise<OpenedBucket> {
  const s3 = await loadS3(folder);
  const client = new s3.S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: endpoint !== undefined && !hostStyle,
    // Some servers refuse the sums of newer clients; each blob is checked by its hash anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const store = `bucket ${bucket}`;
  const away = (error: unknown) => new AppError('BLOB_STORE_AWAY', { store, problem: problemOf(error) });
  const ask = <T>(command: object, read: Read<T>) => inTime(client, command, read, deadlineMs);
  const done = async (command: object) => {
    await ask(command, () => {}).catch((error: unknown) => {
      throw away(error);
    });
  };
  const ifThere = async <T>(command: object, read: Read<T>): Promise<T | undefined> => {
    try {
      return await ask(command, read);
    } catch (error) {
      // Of a bucket that is gone a read tells its name, and nothing may be taken for a blob that is gone.
      if (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket') return undefined;
      throw away(error);
    }
  };
  const at = (name: BlobName) => ({ Bucket: bucket, Key: `${prefix}/${blobPath(name)}` });
  const opened = {
    backend: {
      kind: 's3',
      write: (name, bytes) => done(new s3.PutObjectCommand({ ...at(name), Body: bytes })),
      read: (name) => ifThere(new s3.GetObjectCommand(at(name)), async ({ Body }) => Body?.transformToByteArray()),
      size: (name) => ifThere(new s3.HeadObjectCommand(at(name)), ({ ContentLength }) => ContentLength ?? 0),
      remove: (name) => done(new s3.DeleteObjectCommand(at(name))),
    } satisfies BlobBackend,
    close: () => client.destroy(),
  };
  try {
    await ask(new s3.HeadBucketCommand({ Bucket: bucket }), () => {});
    return { ...opened, away: undefined };
  } catch (error) {
    const problem = unusable(error);
    if (problem === undefined) return { ...opened, away: away(error) };
    client.destroy();
    throw new AppError('BLOB_STORE_UNUSABLE', { store, problem });
  }
}

/** The call and the reading of its answer, together within the deadline. */
async function inTime<T>(client: S3Client, command: object, read: Read<T>, deadlineMs: number): Promise<T> {
  const signal = AbortSignal.timeout(deadlineMs);
  const answer = await client.send(command, { abortSignal: signal });
  const stop = () => answer.Body?.destroy(signal.reason);
  signal.addEventListener('abort', stop);
  try {
    return await read(answer);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

function statusOf(error: unknown): number | undefined {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}

function problemOf(error: unknown): string {
  const [name, status] = [nameOf(error), statusOf(error)];
  if (name === 'AbortError' || name === 'TimeoutError') return 'it gave no answer in time';
  if (name === 'CredentialsProviderError') return 'there are no credentials';
  if (status !== undefined && status >= 300) return `it answers ${status} (${name})`;
  return systemCode(error) || 'it failed';
}

/** What waiting does not mend, with its remedy. */
function unusable(error: unknown): string | undefined {
  if (nameOf(error) === 'CredentialsProviderError')
    return 'there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE';
  switch (statusOf(error)) {
    case 404:
      return 'there is none; make it, or name another with BOWLINE_S3_BUCKET';
    case 401:
    case 403:
      return 'its server refuses the credentials; they must be right and may list the bucket, and read, write and delete its objects';
    case 301:
    case 400:
      return 'its server refuses the region or the address; see BOWLINE_S3_REGION, BOWLINE_S3_ENDPOINT and BOWLINE_S3_HOST_STYLE';
  }
}
