// What the embedded database keeps of its pages by default.

/** Few: the system keeps its files in memory anyway. */
export const EMBEDDED_CACHE_BYTES = 16 << 20;
