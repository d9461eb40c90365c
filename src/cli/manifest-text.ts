// What someone serves, in one line.
import type { Manifest } from '../../gen/bowline/manifest/v1/manifest_pb.ts';

/** `fs.Read fs.List shell.Run`. */
export function manifestText(manifest: Manifest | undefined): string {
  return (manifest?.capabilities ?? [])
    .flatMap(({ package: name, methods }) => {
      const short = /^bowline\.capability\.(\w+)\.v\d+$/.exec(name)?.[1] ?? name;
      return methods.map((method) => `${short}.${method.name}`);
    })
    .join(' ');
}
