// What someone serves, in one line.
import type { Manifest } from '../../gen/bowline/manifest/v1/manifest_pb.ts';

/** `bowline.capability.fs.v1` as `fs`. */
export const shortPackage = (name: string): string => /^bowline\.capability\.(\w+)\.v\d+$/.exec(name)?.[1] ?? name;

/** `fs.Read fs.List shell.Run`. */
export function manifestText(manifest: Manifest | undefined): string {
  return (manifest?.capabilities ?? [])
    .flatMap(({ package: name, methods }) => {
      const short = shortPackage(name);
      return methods.map((method) => `${short}.${method.name}`);
    })
    .join(' ');
}
