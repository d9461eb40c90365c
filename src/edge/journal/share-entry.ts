// What approvals for sharing are called in the place of an entry of config.yaml: no entry begins with this word.
const BEGIN = 'share ';

/** One name for one file as it is: an answer for the run stands for what waits under the same name. */
export const shareEntry = (path: string, sha256: Uint8Array): string =>
  `${BEGIN}${path} ${Buffer.from(sha256.subarray(0, 8)).toString('hex')}`;

/** Whether it asks for content, and not for a change. */
export const isShareEntry = (entry: string): boolean => entry.startsWith(BEGIN);
