import { expect, test } from 'vitest';
import { controlConfig } from '../config.ts';
import { openS3Blobs } from './s3-blobs.ts';

test('without the client the error gives the command that installs it, as a shell reads it', async () => {
  const place = { bucket: 'blobs', endpoint: undefined, region: 'r', prefix: 'p', hostStyle: false };
  await expect(openS3Blobs(place, "/no where/o'clock")).rejects.toMatchObject({
    reason: 'S3_MISSING',
    message: expect.stringMatching(/npm i .*--prefix '\/no where\/o'\\''clock' @aws-sdk\/client-s3@\d/),
  });
});

test('the store that is written to is set, and an endpoint elsewhere has TLS unless that is waived', () => {
  const s3 = { BOWLINE_BLOB_STORE: 's3', BOWLINE_S3_BUCKET: 'blobs' };
  expect(() => controlConfig({ BOWLINE_BLOB_STORE: 's3' })).toThrow(/needs BOWLINE_S3_BUCKET/);
  expect(() => controlConfig({ BOWLINE_BLOB_STORE: 'folder' })).toThrow(/needs BOWLINE_BLOB_FOLDER/);
  const at = (endpoint: string, more = {}) => controlConfig({ ...s3, BOWLINE_S3_ENDPOINT: endpoint, ...more }).s3Bucket;
  expect(() => at('http://s3.example.org')).toThrow(/has no TLS/);
  expect(() => at('https://me:secret@s3.example.org')).toThrow(/BOWLINE_S3_ENDPOINT/);
  expect(at('http://s3.example.org', { BOWLINE_S3_INSECURE: '1' })).toBe('blobs');
  expect(at('http://[::1]:9000')).toBe('blobs');
  expect(at('https://s3.example.org/path')).toBe('blobs');
});
