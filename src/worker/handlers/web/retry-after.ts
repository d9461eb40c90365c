// Reads the header Retry-After (RFC 9110, section 10.2.3). Pure.

/** Milliseconds to wait; 0 when it says nothing that can be understood. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const seconds = /^\d{1,9}$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds * 1000)) : 0;
}
