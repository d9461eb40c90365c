// Allowed folders that are wider than anybody means: those that hold the home of Bowline, and so the folder of a user or the whole machine. Pure.
import { contains, type Root } from './config-places.ts';

/** What to say of each; the secrets in them stay denied whatever is allowed. */
export const wideRoots = (roots: readonly Pick<Root, 'realPath'>[], home: string): string[] =>
  roots
    .filter(({ realPath }) => contains(realPath, home))
    .map(
      ({ realPath }) =>
        `warning: ${realPath} is allowed as a whole, with all that lies below it, also the home of Bowline. That home, dot files and known secrets stay denied; the names of all else may be told. Allow only the folders that you want to ask about`,
    );
