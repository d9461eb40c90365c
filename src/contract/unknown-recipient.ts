/** Stands in the ledger, and before the owner, for a recipient whose name nobody told. Nothing is granted to it. */
export const UNKNOWN_RECIPIENT = 'unknown';
