// How little room on a disk is too little for what writes there.

/** Below this a write may not fit: a segment of the embedded database's own log has 16 MB, and the journal takes room for its next segment. */
export const LEAST_DISK_BYTES = 16 << 20;
