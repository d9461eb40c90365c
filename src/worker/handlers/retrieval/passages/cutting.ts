// The version of how documents are cut.

/** Raised when the same text is cut otherwise than before: then unchanged documents are cut anew when they come again. */
export const CUTTING = 2;
